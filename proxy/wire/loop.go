package wire

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Loop is one goroutine and its connections. Whatever happens on them happens
// there, one thing after the other. Post, OnPanic and Survived may be called from
// anywhere, Listen, Do and Close from anywhere but the loop, all else on it only.
type Loop struct {
	poller
	tick  time.Duration // from one look at all bounds to the next
	begun time.Time     // all times of the loop count from it
	now   time.Duration // see Now; 0: nobody has asked in this turn
	// seats has each open connection at its number, and nil where the number stands in
	// free, once. It is as long as there ever were connections at a time: numbers are
	// given out again, and free has those given back last on top.
	seats  []*Conn
	free   []int32
	gen    int32  // of the connection seated last; every one has its own
	bufs   []*Buf // free, empty, of BufSize, at most keepBufs
	spaces spaces // what they grow to
	pipes  pipes
	// again are woken once more before the loop waits. It changes places with spare,
	// so that who asks while it runs has to wait for the next turn, and a closed
	// connection may stand in it.
	again []*Conn
	spare []*Conn

	round  uint64                             // see countRound
	heard  int                                // events of this round
	report atomic.Pointer[func(stack string)] // set while the loop runs; dials report as well

	mu     sync.Mutex    // guards what other goroutines hand in
	posted []func()      // not empty: somebody has roused the loop, and it has not taken them
	ended  atomic.Bool   // set under mu: nothing is posted any more, and wake may be another's descriptor
	done   chan struct{} // closed behind the last thing that the loop does
}

// Option is a way in which a loop is to differ.
type Option func(*Loop)

// NewLoop starts a loop; shortest is the shortest bound that it will serve: a
// bound is never early and at most two ticks late, one until the loop looks at it
// for the first time and one behind its end.
func NewLoop(shortest time.Duration, options ...Option) (*Loop, error) {
	return newLoop(min(max(shortest/8, 5*time.Millisecond), 500*time.Millisecond), options...)
}

func newLoop(tick time.Duration, options ...Option) (*Loop, error) {
	l := &Loop{tick: tick, begun: time.Now(), done: make(chan struct{})}
	for _, o := range options {
		o(l)
	}
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
// returns false when the loop has ended: then f does not run, and what it was to
// take over is still the caller's. The first of several rouses the loop for all.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended.Load() {
		return false
	}
	if l.posted = append(l.posted, f); len(l.posted) == 1 {
		l.rouse()
	}
	return true
}

// Do is Post and waits until f has run, or the loop has ended without it. On the loop
// itself it would wait for ever.
func (l *Loop) Do(f func()) {
	done := make(chan struct{})
	if l.Post(func() { defer close(done); f() }) {
		<-done
	}
}

// runPosted runs what was there when it began. What that posts waits for the next
// turn, or a function that posts itself would keep the connections out.
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
	if !l.ended.Swap(true) {
		l.rouse() // under the lock, as everywhere: later its descriptor may be another's
	}
	l.mu.Unlock()
	<-l.done
}

// finish runs what was posted before the end, because Post has said that it would run
// and it may hand in a socket; and resets all connections, so that none can look
// complete. Handlers are told, so that their exchanges end and leave a line.
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

// isEnded is asked in each turn, and so without the lock. Who has set it may still be about
// to rouse the loop: behind its last turn runPosted takes the lock, and waits for that.
func (l *Loop) isEnded() bool { return l.ended.Load() }

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
// close connections and adopt others, and what it has closed has no further bounds. A
// connection that closes has nobody who waits: it is cut where it stands.
func (l *Loop) sweep(now time.Duration) {
	l.pipes.tidy()
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
			l.tell(c)
		}
		if !c.closed && (c.hasStalled(now) || c.isUnheard(now)) {
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
// which grows to megabytes), so the kernel is asked: without that a client that took
// less than 23 KB/s was cut as one that takes nothing. It costs a system call per tick, and
// only for those that have bytes waiting.
func (c *Conn) hasStalled(now time.Duration) bool {
	if !c.standing {
		c.takes.end = 0
		return false
	}
	n := c.unacked()
	if n != int(c.queued) {
		c.queued = int32(n) //nolint:gosec // as the kernel has it
		c.beginStall()
	}
	return c.stoodTooLong(now) || c.takesTooLittle(now, n)
}

// beginStall has what waits to be sent stand still from now on, for as long as Adopt was
// told that it may.
func (c *Conn) beginStall() { c.standing, c.stallEnd = c.stall > 0, 0 }

func (c *Conn) endStall() { c.standing, c.stallEnd = false, 0 }

// stoodTooLong reports, once, whether it has stood still for longer.
func (c *Conn) stoodTooLong(now time.Duration) bool {
	b := bound{within: c.stall, end: c.stallEnd}
	passed := b.passed(now)
	c.standing, c.stallEnd = !passed, b.end
	return passed
}

// A bound ends a wait. It begins when the loop looks at it for the first time, so
// that it is never early, however long ago the loop has looked at its clock. Counted
// from the last tick instead, bounds passed at once on a loop that had been busy for
// longer than a tick, or in a process that had been stopped. And to set one needs no
// clock.
type bound struct {
	within time.Duration // 0: none
	end    time.Duration // since the loop was started; 0: it has not begun
}

// passed reports whether the bound has passed, once: then there is none.
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

// runAgain wakes those who have asked for it. They are forgotten at the end, so that
// none of them is kept from the collector by a list.
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
// of the connection that had the place before. Both travel through the kernel with
// each event: one turn's events are fetched at once, and a handler may close a
// connection whose own event is still to come in that turn, and adopt another one
// that gets the number.
type seat struct{ number, gen int32 }

// sit gives the connection a seat, before the kernel is asked to watch it: its first
// event carries the seat.
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

// Each calls do with the handler of each open connection. What do opens or closes on the
// way may be among them or not.
func (l *Loop) Each(do func(Handler)) {
	for i := 0; i < len(l.seats); i++ {
		if c := l.seats[i]; c != nil && !c.closed {
			do(c.handler)
		}
	}
}

// remove takes the seat of the connection away, once. What still refers to it (again,
// an event) finds it closed, or finds nobody.
func (l *Loop) remove(c *Conn) {
	l.seats[c.seat.number] = nil
	l.free = append(l.free, c.seat.number)
}

// StartLoops starts n loops.
func StartLoops(n int, shortest time.Duration, options ...Option) ([]*Loop, error) {
	var loops []*Loop
	for range n {
		l, err := NewLoop(shortest, options...)
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
