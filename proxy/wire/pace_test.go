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
