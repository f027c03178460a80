package wire

import (
	"testing"
	"time"
)

// at moves the frozen loop's clock to so long after its start.
func (s *side) at(d time.Duration) { s.loop.Do(func() { s.loop.sweep(d) }) }

// expired tells what the loop thinks of the bound.
func (s *side) expired() (is bool) {
	s.do(func(c *Conn) { is = c.Expired() })
	return is
}

// TestABoundExpiresOnceAndNotBefore holds it on a clock that the test moves.
func TestABoundExpiresOnceAndNotBefore(t *testing.T) {
	s, _ := pair(t, startFrozenLoop(t))
	within := func(d time.Duration) { s.do(func(c *Conn) { c.ExpireAfter(d) }) }
	for _, step := range []struct {
		name    string
		within  time.Duration // a new bound, if it is not negative
		at      time.Duration
		expired bool
		wakes   int64
	}{
		{"without a bound nothing expires", -1, 1 * time.Hour, false, 0},
		{"a bound begins", 10 * time.Minute, 2 * time.Hour, false, 0},
		{"and is not over before its time", -1, 2*time.Hour + 9*time.Minute, false, 0},
		{"set again it begins anew", 10 * time.Minute, 2*time.Hour + 11*time.Minute, false, 0},
		{"it is not over when the first one would be", -1, 2*time.Hour + 20*time.Minute, false, 0},
		{"it is over", -1, 3 * time.Hour, true, 1},
		{"it wakes once", -1, 4 * time.Hour, true, 1},
		{"set again it is not over any more", 10 * time.Minute, 5 * time.Hour, false, 1},
		{"taken back it is never over", 0, 6 * time.Hour, false, 1},
		{"it stays taken back", -1, 7 * time.Hour, false, 1},
		{"the next one begins", 10 * time.Minute, 8 * time.Hour, false, 1},
		{"and is over", -1, 9 * time.Hour, true, 2},
	} {
		if step.within >= 0 {
			within(step.within)
		}
		s.at(step.at)
		if got := s.expired(); got != step.expired || s.wakes.Load() != step.wakes {
			t.Errorf("%s: expired = %v after %d wakes, want %v after %d", step.name, got, s.wakes.Load(), step.expired, step.wakes)
		}
	}
}

// TestABoundIsNeverEarly holds it on the real clock, also on a loop that has had
// no time to look at it.
func TestABoundIsNeverEarly(t *testing.T) {
	const bound = 60 * time.Millisecond
	for _, tc := range []struct {
		name string
		busy time.Duration
	}{
		{"on a loop that waits", 0},
		{"on a loop that was busy", 3 * bound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := pair(t, startLoop(t))
			var start, end time.Time
			s.whenWoken(func(*Conn) {
				if end.IsZero() {
					end = time.Now()
				}
			})
			s.do(func(c *Conn) {
				for begun := time.Now(); time.Since(begun) < tc.busy; { //nolint:revive // it is busy
				}
				start = time.Now()
				c.ExpireAfter(bound)
			})
			s.until("the bound expires", (*Conn).Expired)
			if took := end.Sub(start); took < bound {
				t.Errorf("a bound of %v has expired after %v", bound, took)
			}
		})
	}
}

// TestWhatComesInTimeTakesNoBoundBack holds that only ExpireAfter does: a head that
// comes byte by byte gains nothing.
func TestWhatComesInTimeTakesNoBoundBack(t *testing.T) {
	s, far := pair(t, startFrozenLoop(t))
	s.do(func(c *Conn) { c.ExpireAfter(time.Minute) })
	s.at(time.Hour)
	_, _ = far.Write([]byte("x"))
	if _, err := s.read(); err != nil {
		t.Fatal(err)
	}
	s.at(2 * time.Hour)
	if !s.expired() {
		t.Error("the bound has not expired because a byte has come")
	}
}

// TestAConnectionIsNotWokenOnceItIsClosed holds it where one handler closes other
// connections whose bounds have expired at the same time, and adopts new ones.
func TestAConnectionIsNotWokenOnceItIsClosed(t *testing.T) {
	const n = 8
	l := startFrozenLoop(t)
	var sides [n]*side
	for i := range sides {
		sides[i], _ = pair(t, l)
		near, _ := tcpPair(t)
		sides[i].whenWoken(func(*Conn) {
			for _, other := range sides {
				if other != sides[i] {
					other.conn.Close()
				}
			}
			_, _ = l.Adopt(SocketOf(near), nil, &side{t: t, loop: l, woken: make(chan struct{}, 1)}, 0) // the seats move
		})
	}
	l.Do(func() {
		for _, s := range sides {
			s.conn.ExpireAfter(time.Minute)
		}
		l.sweep(1 * time.Hour)
		l.sweep(2 * time.Hour)
		wakes := int64(0)
		for _, s := range sides {
			s.on = nil
			wakes += s.wakes.Load()
		}
		if wakes != 1 {
			t.Errorf("%d wakes of %d connections of which the first one closed the others, want 1", wakes, n)
		}
	})
}
