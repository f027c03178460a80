package client

import (
	"io"
	"sync/atomic"
	"time"
)

// Closed is a closed loop: each connection sends its next request when the
// response before has been read.
type Closed struct {
	group
	Target  Target
	Request []byte
	// Each are requests that are sent once each, in place of Request; behind the last
	// one the load is over.
	Each        [][]byte
	Connections int
	Connection  Reuse
	Meter       *Meter

	sent atomic.Int64 // of Each
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

// next returns the request to be sent, nil where there is none any more.
func (l *Closed) next() []byte {
	if l.Each == nil {
		return l.Request
	}
	if n := int(l.sent.Add(1)); n <= len(l.Each) {
		return l.Each[n-1]
	}
	return nil
}

func (l *Closed) work(worker int) {
	var c *Conn
	for !l.stopped.Load() {
		request := l.next()
		if request == nil {
			break
		}
		began := time.Now()
		if c == nil {
			if c = l.dial(l.Target, l.Meter); c == nil {
				return
			}
		}
		_, err := c.Exchange(request)
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
