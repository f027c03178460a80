package wire

import (
	"fmt"
	"sync"
	"time"
)

// Loop is one goroutine and its connections. Whatever happens on them happens
// there, one thing after the other.
type Loop struct {
	poller
	tick  time.Duration
	now   int64 // nanoseconds since start, as of the last tick
	seats []*Conn
	free  []int32
	gen   int32
	bufs  []*Buf
	again []*Conn // woken once more before the loop waits
	spare []*Conn

	mu     sync.Mutex // guards what other goroutines hand in
	posted []func()
	ended  bool
	done   chan struct{}
}

// NewLoop starts a loop; shortest is the shortest bound that it will serve: a
// bound is never early and at most two ticks late.
func NewLoop(shortest time.Duration) (*Loop, error) {
	l := &Loop{tick: min(max(shortest/8, 5*time.Millisecond), 500*time.Millisecond), done: make(chan struct{})}
	if err := l.start(); err != nil {
		return nil, fmt.Errorf("start an event loop: %w", err)
	}
	go l.run()
	go l.clock()
	return l, nil
}

// Post has f run on the loop's goroutine. It may be called from anywhere, and
// returns false when the loop has ended.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return false
	}
	l.posted = append(l.posted, f)
	first := len(l.posted) == 1
	l.mu.Unlock()
	if first {
		l.rouse()
	}
	return true
}

// Do is Post and waits until f has run.
func (l *Loop) Do(f func()) {
	done := make(chan struct{})
	if l.Post(func() { defer close(done); f() }) {
		select {
		case <-done:
		case <-l.done:
		}
	}
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	fs := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, f := range fs {
		f()
	}
}

// Close ends the loop and resets its connections.
func (l *Loop) Close() {
	l.Do(func() {
		for _, c := range l.seats {
			if c != nil {
				c.closeNow()
				c.handler.Wake(c)
			}
		}
	})
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.rouse()
	<-l.done
}

func (l *Loop) isEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// clock moves the loop's time on and looks for waits that have expired: one look
// per tick instead of two system calls per exchange.
func (l *Loop) clock() {
	start := time.Now()
	t := time.NewTicker(l.tick)
	defer t.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-t.C:
			now := int64(time.Since(start))
			l.Post(func() { l.sweep(now) })
		}
	}
}

func (l *Loop) sweep(now int64) {
	l.now = now
	for _, c := range l.seats {
		if c == nil {
			continue
		}
		if c.by != 0 && now > c.by {
			c.by, c.expired = 0, true
			c.handler.Wake(c)
		}
		if c.stallBy != 0 && now > c.stallBy && !c.closed {
			c.stallBy, c.stalled = 0, true
			if c.closing {
				c.closeNow()
			}
			c.handler.Wake(c)
		}
	}
}

// Now returns the time since the loop was started, as of the last tick.
func (l *Loop) Now() time.Duration { return time.Duration(l.now) }

// after returns the loop time at which a wait of d that starts now has expired,
// 0 for a wait without bound.
func (l *Loop) after(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return l.now + int64(d+l.tick)
}

// Again has the handler of c woken once more before the loop waits: for those
// who have had their share of a turn.
func (l *Loop) Again(c *Conn) { l.again = append(l.again, c) }

func (l *Loop) runAgain() {
	l.again, l.spare = l.spare[:0], l.again
	for _, c := range l.spare {
		if !c.closed {
			c.handler.Wake(c)
		}
	}
	clear(l.spare)
}

// seat is the place of a connection in the loop; gen tells its events from those
// of the connection that had the place before.
type seat struct{ number, gen int32 }

func (l *Loop) sit(c *Conn) {
	l.gen++
	c.seat = seat{int32(len(l.seats)), l.gen}
	if n := len(l.free); n > 0 {
		c.seat.number, l.free = l.free[n-1], l.free[:n-1]
	} else {
		l.seats = append(l.seats, nil)
	}
	l.seats[c.seat.number] = c
}

func (l *Loop) seated(s seat) *Conn {
	if int(s.number) >= len(l.seats) {
		return nil
	}
	if c := l.seats[s.number]; c != nil && c.seat == s {
		return c
	}
	return nil
}

func (l *Loop) remove(c *Conn) {
	l.seats[c.seat.number] = nil
	l.free = append(l.free, c.seat.number)
}

// StartLoops starts n loops.
func StartLoops(n int, shortest time.Duration) ([]*Loop, error) {
	var loops []*Loop
	for range n {
		l, err := NewLoop(shortest)
		if err != nil {
			CloseLoops(loops)
			return nil, err
		}
		loops = append(loops, l)
	}
	return loops, nil
}

// CloseLoops closes all of them.
func CloseLoops(loops []*Loop) {
	for _, l := range loops {
		l.Close()
	}
}
