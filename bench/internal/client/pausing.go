package client

import (
	"io"
	"math/rand/v2"
	"time"
)

// Pausing is a group of clients that read an answer, pause, and ask again on the
// same connection, as people and agents do: what a proxy keeps open to the
// upstream is at times in use and at times idle. Latency is the time to the first
// byte.
type Pausing struct {
	group
	Target  Target
	Request []byte
	Clients int
	Meter   *Meter
	// Pause is the longest pause; each one is a random part of it.
	Pause time.Duration

	quit chan struct{}
}

// Start begins the load.
func (l *Pausing) Start() {
	l.quit = make(chan struct{})
	l.run(l.Clients, l.work)
}

// Stop ends the load.
func (l *Pausing) Stop() {
	close(l.quit)
	l.group.Stop()
}

func (l *Pausing) work(worker int) {
	random := rand.New(rand.NewPCG(uint64(worker), 11))
	var c *Conn
	for l.pause(random) {
		if c == nil {
			if c = l.dial(l.Target, l.Meter); c == nil {
				return
			}
		}
		began := time.Now()
		first, err := c.Timed(l.Request)
		if err == nil || err == io.EOF {
			l.Meter.Latency.Record(worker, int64(first.Sub(began)))
			l.Meter.Units.Add(1)
		} else {
			l.failed(l.Meter, err)
		}
		if err != nil {
			l.close(c)
			c = nil
		}
	}
	if c != nil {
		l.close(c)
	}
}

// pause waits for the client's next request; false: the load has ended.
func (l *Pausing) pause(random *rand.Rand) bool {
	select {
	case <-l.quit:
		return false
	case <-time.After(time.Duration(random.Int64N(int64(l.Pause)))):
		return true
	}
}
