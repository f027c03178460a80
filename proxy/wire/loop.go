package wire

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Loop is one goroutine and its connections. Whatever happens on them happens
// there, one thing after the other.
type Loop struct {
	poller
	tick  time.Duration
	begun time.Time
	now   time.Duration // see Now; 0: nobody has asked in this turn
	seats []*Conn
	free  []int32
	gen   int32
	bufs  []*Buf
	again []*Conn // woken once more before the loop waits
	spare []*Conn

	round  uint64 // see countRound
	heard  int    // events of this round
	report atomic.Pointer[func(stack string)]

	mu     sync.Mutex // guards what other goroutines hand in
	posted []func()
	ended  bool
	done   chan struct{}
}

// NewLoop starts a loop; shortest is the shortest bound that it will serve: a
// bound is never early and at most two ticks late.
func NewLoop(shortest time.Duration) (*Loop, error) {
	return newLoop(min(max(shortest/8, 5*time.Millisecond), 500*time.Millisecond))
}

func newLoop(tick time.Duration) (*Loop, error) {
	l := &Loop{tick: tick, begun: time.Now(), done: make(chan struct{})}
	if err := l.start(); err != nil {
		return nil, fmt.Errorf("start an event loop: %w", err)
	}
	go l.run()
	go l.clock()
	return l, nil
}

// Now returns the time since the loop was started. It stands still while the loop
// handles what has happened at once, which saves a look at the clock for all but
// the first who asks (40 to 70 ns each). It must be called on the loop.
func (l *Loop) Now() time.Duration {
	if l.now == 0 {
		l.now = time.Since(l.begun)
	}
	return l.now
}

// Post has f run on the loop's goroutine. It may be called from anywhere, and
// returns false when the loop has ended: then f does not run.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	if l.posted = append(l.posted, f); len(l.posted) == 1 {
		l.rouse()
	}
	return true
}

// Do is Post and waits until f has run.
func (l *Loop) Do(f func()) {
	done := make(chan struct{})
	if l.Post(func() { defer close(done); f() }) {
		<-done
	}
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	fs := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, f := range fs {
		l.do(f)
	}
}

// Close ends the loop behind what has been posted, and resets its connections. It
// must not be called on the loop.
func (l *Loop) Close() {
	l.mu.Lock()
	if !l.ended {
		l.ended = true
		l.rouse() // under the lock, as everywhere: later its descriptor may be another's
	}
	l.mu.Unlock()
	<-l.done
}

// finish runs what was posted before the end, and resets all connections, so that
// none can look complete.
func (l *Loop) finish() {
	l.runPosted()
	for i := 0; i < len(l.seats); i++ {
		if c := l.seats[i]; c != nil {
			c.resetOnClose()
			c.closeNow()
			l.tell(c)
		}
	}
}

func (l *Loop) isEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// clock has the loop look for waits that have expired: one look per tick instead
// of two system calls per exchange. It waits for the look, so that a busy loop has
// one to catch up with and not many.
func (l *Loop) clock() {
	t := time.NewTicker(l.tick)
	defer t.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-t.C:
			l.Do(func() { l.sweep(l.Now()) })
		}
	}
}

// sweep looks at all waits. It asks for the seats anew each time: a handler may
// close connections and adopt others.
func (l *Loop) sweep(now time.Duration) {
	for i := 0; i < len(l.seats); i++ {
		c := l.seats[i]
		if c == nil {
			continue
		}
		if c.wait.passed(now) {
			c.expired = true
			l.tell(c)
		}
		if !c.closed && c.pace.missed(now, c.got) {
			c.slow = true
			c.handler.Wake(c)
		}
		if !c.closed && c.hasStalled(now) {
			c.stalled = true
			if c.closing {
				c.closeNow()
			}
			l.tell(c)
		}
	}
}

// hasStalled reports whether the peer has taken nothing for too long. What it takes
// may be less than what makes the kernel ask for more (a third of its buffer,
// which grows to megabytes), so the kernel is asked.
func (c *Conn) hasStalled(now time.Duration) bool {
	if c.stallWait.within == 0 {
		c.takes.end = 0
		return false
	}
	n := c.unacked()
	if n != c.queued {
		c.queued, c.stallWait = n, bound{within: c.stall}
	}
	return c.stallWait.passed(now) || c.takesTooLittle(now, n)
}

// A bound ends a wait. It begins when the loop looks at it for the first time, so
// that it is never early, however long ago the loop has looked at its clock.
type bound struct {
	within time.Duration // 0: none
	end    time.Duration // since the loop was started; 0: it has not begun
}

// passed tells, once, that the bound has passed.
func (b *bound) passed(now time.Duration) bool {
	switch {
	case b.within <= 0:
		return false
	case b.end == 0:
		b.end = now + b.within
		return false
	case now < b.end:
		return false
	}
	*b = bound{}
	return true
}

// Again has the handler of c woken once more before the loop waits: for those
// who have had their share of a turn.
func (l *Loop) Again(c *Conn) { l.again = append(l.again, c) }

func (l *Loop) runAgain() {
	l.again, l.spare = l.spare[:0], l.again
	for _, c := range l.spare {
		if !c.closed {
			l.tell(c)
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
	if s.number < 0 || int(s.number) >= len(l.seats) {
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
