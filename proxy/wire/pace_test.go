package wire

import (
	"errors"
	"io"
	"testing"
	"time"
)

// take reads until n bytes have come.
func (s *side) take(n int) {
	s.t.Helper()
	s.until("the bytes come", func(c *Conn) bool {
		for n > 0 {
			b, err := c.Read(nil)
			if err != nil {
				return !errors.Is(err, ErrWait)
			}
			n -= b.Len()
			b.Release()
		}
		return true
	})
}

// TestAPaceIsHeldOverEachSpan holds it on a clock that the test moves.
func TestAPaceIsHeldOverEachSpan(t *testing.T) {
	s, far := pair(t, startFrozenLoop(t))
	for _, step := range []struct {
		name string
		pace int64 // a new one, if it is not negative
		at   time.Duration
		sent int // before that
		slow bool
	}{
		{"without a pace nobody is slow", -1, 1 * time.Hour, 0, false},
		{"a span begins", 100, 2 * time.Hour, 0, false},
		{"a span is not over before its time", -1, 2*time.Hour + 9*time.Minute, 0, false},
		{"it ends with all that was asked for", -1, 2*time.Hour + 10*time.Minute, 100, false},
		{"the next one has to be earned anew", -1, 2*time.Hour + 20*time.Minute, 99, true},
		{"set again nobody is slow", 100, 3 * time.Hour, 0, false},
		{"what came in one span counts in no other", -1, 3*time.Hour + 10*time.Minute, 1000, false},
		{"and so the next one is missed", -1, 3*time.Hour + 20*time.Minute, 0, true},
		{"taken back it is never missed", 0, 5 * time.Hour, 0, false},
		{"it stays taken back", -1, 6 * time.Hour, 0, false},
	} {
		if step.pace >= 0 {
			s.do(func(c *Conn) { c.AtLeast(Pace{step.pace, 10 * time.Minute}) })
		}
		if step.sent > 0 {
			if _, err := far.Write(pattern(step.sent)); err != nil {
				t.Fatal(err)
			}
			s.take(step.sent)
		}
		before := s.wakes.Load()
		s.at(step.at)
		var slow bool
		s.do(func(c *Conn) { slow = c.Slow() })
		if slow != step.slow || slow && s.wakes.Load() == before {
			t.Errorf("%s: slow = %t after %d wakes, want %t", step.name, slow, s.wakes.Load()-before, step.slow)
		}
	}
}

// TestAPeerThatTakesTooLittleHasStalled holds that a byte now and then is not
// enough, that a span without any is not looked at, since a large buffer makes room
// in lumps, and that nobody is slow for whom nothing waits.
func TestAPeerThatTakesTooLittleHasStalled(t *testing.T) {
	const least, span = 1 << 20, 10 * time.Minute
	s, far := narrowPair(t, startFrozenLoop(t), wide, 1000*time.Hour)
	s.do(func(c *Conn) { c.TakeAtLeast(Pace{least, span}) })
	now := time.Hour
	look := func(what string, want bool) {
		t.Helper()
		now += span
		if s.at(now); s.stalled() != want {
			t.Fatalf("%s: stalled = %t", what, !want)
		}
	}
	look("nothing waits for it", false)
	look("nothing waits for it", false)
	written := s.fill(8 << 20)
	eventually(t, "nothing moves any more", func() bool {
		return s.still(func(c *Conn) int { return c.unacked() })
	})
	look("a span begins", false)
	look("it has taken nothing", false)
	look("it has taken nothing again", false)
	taken := s.takenBy(far, least)
	look("it has taken enough", false)
	taken += s.takenBy(far, 1)
	look("it has taken too little", true)
	if taken >= len(written) {
		t.Error("nothing was left to take")
	}
}

// still reports whether n has not changed for a moment.
func (s *side) still(n func(*Conn) int) bool {
	before, after := 0, 0
	s.do(func(c *Conn) { before = n(c) })
	<-time.After(50 * time.Millisecond)
	s.do(func(c *Conn) { after = n(c) })
	return before == after
}

// takenBy reads from far until the kernel here is rid of at least n bytes, and
// returns how many were read.
func (s *side) takenBy(far io.Reader, n int64) (read int) {
	s.t.Helper()
	rid := func() (all int64) {
		s.do(func(c *Conn) { all = c.put - int64(c.unacked()) })
		return all
	}
	for begin := rid(); rid() < begin+n; {
		m, err := far.Read(make([]byte, 4<<10))
		if err != nil {
			s.t.Fatal(err)
		}
		read += m
	}
	return read
}
