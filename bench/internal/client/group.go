package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// group runs the goroutines of a load and ends them by closing their
// connections.
type group struct {
	wg      sync.WaitGroup
	stopped atomic.Bool

	mu   sync.Mutex
	open map[*Conn]struct{}
}

func (g *group) run(n int, work func(worker int)) {
	g.open = make(map[*Conn]struct{})
	for worker := range n {
		g.wg.Go(func() { work(worker) })
	}
}

// dial opens a connection that Stop closes. A failed one is retried after a
// pause, so that errors are counted and do not become a storm.
func (g *group) dial(target Target, meter *Meter) *Conn {
	for !g.stopped.Load() {
		c, err := target.Dial()
		if err != nil {
			if !g.stopped.Load() {
				meter.Fail(err)
			}
			time.Sleep(20 * time.Millisecond)
			continue
		}
		g.mu.Lock()
		stopped := g.stopped.Load()
		if !stopped {
			g.open[c] = struct{}{}
		}
		g.mu.Unlock()
		if stopped {
			c.Close()
			return nil
		}
		return c
	}
	return nil
}

func (g *group) close(c *Conn) {
	g.mu.Lock()
	delete(g.open, c)
	g.mu.Unlock()
	c.Close()
}

// failed counts an error, unless it is the group's own end, and pauses.
func (g *group) failed(meter *Meter, err error) {
	if g.stopped.Load() {
		return
	}
	meter.Fail(err)
	time.Sleep(5 * time.Millisecond)
}

// Over is closed when a load that ends by itself is over.
func (g *group) Over() <-chan struct{} {
	over := make(chan struct{})
	go func() { g.wg.Wait(); close(over) }()
	return over
}

// Stop ends the load and waits for its goroutines.
func (g *group) Stop() {
	g.stopped.Store(true)
	g.mu.Lock()
	for c := range g.open {
		c.Close()
	}
	g.mu.Unlock()
	g.wg.Wait()
}
