package upstream

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// stand has the clock of the loops move only as the test does, and chance take the same.
func (p *pooling) stand(jitter time.Duration) *atomic.Int64 {
	now := &atomic.Int64{}
	now.Store(int64(time.Hour))
	p.now = func(*wire.Loop) time.Duration { return time.Duration(now.Load()) }
	p.jitter = func(most time.Duration) time.Duration { return min(jitter, most-1) }
	return now
}

// TestWhatUpstreamSaysBoundsTheRest holds that a connection which its upstream closes
// after a while is not used shortly before that (issue 15, B7), and one of which it
// says nothing, or too much, not longer than upstream_keep_alive.
func TestWhatUpstreamSaysBoundsTheRest(t *testing.T) {
	const ours = 100 * time.Second
	for _, tc := range []struct {
		name string
		says []time.Duration
		want time.Duration // the longest rest after which it is used; 0: none
	}{
		{"nothing", nil, ours},
		{"0", []time.Duration{0}, 0},
		{"1 s", []time.Duration{time.Second}, 500 * time.Millisecond},
		{"2 s", []time.Duration{2 * time.Second}, time.Second},
		{"5 s", []time.Duration{5 * time.Second}, 4 * time.Second},
		{"more than ours", []time.Duration{1 << 31 * time.Second}, ours},
		{"its last word counts", []time.Duration{5 * time.Second, 10 * time.Second}, 9 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: 8, KeepAlive: ours})
			now := p.stand(0)
			rest := func(d time.Duration) *Conn {
				c := p.mustDial(0)
				c.Loop().Do(func() {
					for _, says := range tc.says {
						c.MayIdle(says)
					}
				})
				keep(c)
				now.Add(int64(d))
				return p.pooled(0)
			}
			if tc.want > 0 {
				if c := rest(tc.want - 1); c == nil {
					t.Errorf("after a rest of just less than %v the connection is not used", tc.want)
				} else {
					discard(c)
				}
			}
			if rest(tc.want) != nil {
				t.Errorf("after a rest of %v the connection is used", tc.want)
			}
			p.wantCounts(0, 0)
		})
	}
}

// TestTheLoopEndsARestInTime holds that what upstream says also bounds how long a
// connection stays open when nobody wants it.
func TestTheLoopEndsARestInTime(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8, KeepAlive: time.Hour})
	c := p.mustDial(0)
	c.Loop().Do(func() { c.MayIdle(100 * time.Millisecond) })
	keep(c)
	wantClosed(t, s.next(t))
	p.wantCounts(0, 0)
}

// TestAConnectionHasAnAge holds max_age: between exchanges a connection ends that is
// older, whether it is busy all the time or has rested for long; in an exchange none
// does (issue 15, B8).
func TestAConnectionHasAnAge(t *testing.T) {
	const age = 10 * time.Minute
	p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: 8, MaxAge: age, KeepAlive: time.Hour})
	now := p.stand(age / 10)
	busy := p.mustDial(0)
	for range 8 {
		keep(busy)
		now.Add(int64(time.Minute))
		if p.pooled(0) != busy {
			t.Fatal("a young connection is not used")
		}
	}
	now.Add(int64(time.Minute)) // in the exchange; the age is 9 minutes by jitter
	busy.Loop().Do(func() {
		if busy.Closed() {
			t.Error("a connection ends in its exchange")
		}
	})
	keep(busy)
	p.wantCounts(0, 0)
	rested := p.mustDial(0)
	keep(rested)
	now.Add(int64(age * 9 / 10))
	if p.pooled(0) != nil {
		t.Error("a connection that has rested until it was old is used")
	}
	p.wantCounts(0, 0)
}

// TestALoginLastsAsLongAsItsConnection holds that it is not broken off between two of
// its messages because the connection is old.
func TestALoginLastsAsLongAsItsConnection(t *testing.T) {
	p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: 8, MaxAge: time.Minute, KeepAlive: time.Hour})
	now := p.stand(0)
	mine := &Bound{}
	c := p.mustDial(0)
	c.Loop().Do(func() { c.LogIn(mine) })
	now.Add(int64(2 * time.Minute))
	keep(c)
	if got, _ := p.pooledFor(0, mine); got != c {
		t.Error("the connection on which the client has logged in has ended")
	}
	discard(c)
}

// TestConnectionsDoNotAgeTogether holds that chance takes a fifth of the age at most,
// and no life grows by it.
func TestConnectionsDoNotAgeTogether(t *testing.T) {
	p := startUpstream(t, 1, Options{MaxAge: time.Hour})
	l := p.loops[0]
	ages := map[time.Duration]bool{}
	l.Do(func() {
		for range 100 {
			age := p.newConn(l, nil).end - p.now(l)
			ages[age] = true
			if age > time.Hour || age < 48*time.Minute {
				t.Errorf("a connection lives for %v, want 48 to 60 minutes", age)
			}
		}
	})
	if len(ages) < 90 {
		t.Errorf("100 connections have only %d ages", len(ages))
	}
}
