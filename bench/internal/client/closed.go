package client

import (
	"io"
	"time"
)

// Closed is a closed loop: each connection sends its next request when the
// response before has been read.
type Closed struct {
	group
	Target      Target
	Request     []byte
	Connections int
	Connection  Reuse
	Meter       *Meter
}

// Reuse says how long a client connection lives.
type Reuse int

// A connection is kept for many exchanges, or made for one.
const (
	Kept Reuse = iota
	ForOneExchange
)

// Start begins the load.
func (l *Closed) Start() { l.run(l.Connections, l.work) }

func (l *Closed) work(worker int) {
	var c *Conn
	for !l.stopped.Load() {
		began := time.Now()
		if c == nil {
			if c = l.dial(l.Target, l.Meter); c == nil {
				return
			}
		}
		_, err := c.Exchange(l.Request)
		if err == nil || err == io.EOF {
			l.Meter.Latency.Record(worker, int64(time.Since(began)))
			l.Meter.Units.Add(1)
		} else {
			l.failed(l.Meter, err)
		}
		if err != nil || l.Connection == ForOneExchange {
			l.close(c)
			c = nil
		}
	}
	if c != nil {
		l.close(c)
	}
}
