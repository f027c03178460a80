package wire

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Watch sees what nobody waits for: peers that leave, and waits that have taken
// too long. One serves every connection of the process.
//
// Instead of two system calls per exchange, each wait notes when it expires, and
// one sweep per tick looks for those that have: a bound is never early and at
// most two ticks late.
type Watch struct {
	now  atomic.Int64 // nanoseconds since start, as of the last tick
	tick time.Duration

	mu    sync.Mutex
	conns map[*Conn]struct{}
	stop  chan struct{}
	once  sync.Once
	hups  hups
}

// NewWatch starts a watch; shortest is the shortest bound that it will serve.
func NewWatch(shortest time.Duration) (*Watch, error) {
	w := &Watch{conns: map[*Conn]struct{}{}, stop: make(chan struct{})}
	w.tick = min(max(shortest/8, 5*time.Millisecond), 500*time.Millisecond)
	if err := w.hups.start(w); err != nil {
		return nil, fmt.Errorf("watch connections: %w", err)
	}
	go w.run()
	return w, nil
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.once.Do(func() {
		close(w.stop)
		w.hups.end()
	})
}

func (w *Watch) run() {
	start := time.Now()
	t := time.NewTicker(w.tick)
	defer t.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-t.C:
			w.now.Store(int64(time.Since(start)))
			w.sweep()
		}
	}
}

func (w *Watch) sweep() {
	now := w.now.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.expire(now)
	}
}

// Now returns the time since the watch was started, as of the last tick.
func (w *Watch) Now() time.Duration { return time.Duration(w.now.Load()) }

// after returns the clock time at which a wait of d that starts now has
// expired, 0 for a wait without bound.
func (w *Watch) after(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return w.now.Load() + int64(d+w.tick)
}

func (w *Watch) add(c *Conn) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.hups.add(c); err != nil {
		return err
	}
	w.conns[c] = struct{}{}
	return nil
}

func (w *Watch) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hups.remove(c)
	delete(w.conns, c)
}

// expire ends the waits whose time is over. The waiting goroutine then finds
// os.ErrDeadlineExceeded.
func (c *Conn) expire(now int64) {
	if by := c.readBy.Load(); by != 0 && now > by && c.readBy.CompareAndSwap(by, 0) {
		_ = c.sock.SetReadDeadline(past)
	}
	if by := c.writeBy.Load(); by != 0 && now > by && c.writeBy.CompareAndSwap(by, 0) {
		_ = c.sock.SetWriteDeadline(past)
	}
}
