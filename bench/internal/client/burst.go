package client

import (
	"errors"
	"io"
	"sync"
	"time"
)

// Burst sends many requests at once, each on a connection that is open before:
// what a proxy does with a crowd that comes through the door together. Latency is
// the time to the first byte, from the moment at which all begin.
type Burst struct {
	Target  Target
	Request []byte
	Clients int
	Answer  Answer
	Meter   *Meter

	conns []*Conn
}

// Answer says what is awaited.
type Answer int

// An answer is read to its end, or its stream is left open behind the first byte.
const (
	Whole Answer = iota
	OpenStream
)

// Connect opens the connections.
func (b *Burst) Connect() error {
	b.conns = make([]*Conn, b.Clients)
	errs := make([]error, b.Clients)
	var wg sync.WaitGroup
	opening := make(chan struct{}, atOnce)
	for i := range b.conns {
		opening <- struct{}{}
		wg.Go(func() {
			b.conns[i], errs[i] = b.Target.Dial()
			<-opening
		})
	}
	wg.Wait()
	return errors.Join(errs[:min(len(errs), 3)]...)
}

// Send sends all requests and waits for their answers, for as long as limit. Whole
// answers read, it can be called again.
func (b *Burst) Send(limit time.Duration) {
	var ready, answered sync.WaitGroup
	release := make(chan struct{})
	var began time.Time
	ready.Add(b.Clients)
	for i, c := range b.conns {
		answered.Go(func() {
			ready.Done()
			<-release
			first, err := b.exchange(c)
			if err != nil && err != io.EOF {
				b.Meter.Fail(err)
				return
			}
			b.Meter.Latency.Record(i, int64(first.Sub(began)))
			b.Meter.Units.Add(1)
		})
	}
	ready.Wait()
	for _, c := range b.conns {
		_ = c.SetDeadline(time.Now().Add(limit))
	}
	began = time.Now()
	close(release)
	answered.Wait()
}

func (b *Burst) exchange(c *Conn) (first time.Time, err error) {
	if b.Answer == Whole {
		return c.Timed(b.Request)
	}
	_, err = c.Open(b.Request)
	return c.ReadAt, err
}

// Close closes the connections.
func (b *Burst) Close() {
	for _, c := range b.conns {
		if c != nil {
			_ = c.Close()
		}
	}
}
