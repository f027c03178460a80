package upstream

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// handshaking are options under which a dial lasts until its server says something, or
// leaves.
func handshaking(address string) Options {
	return Options{
		Address: address, MaxIdle: 8, Connect: time.Hour, TLSHandshake: time.Hour,
		TLS: &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12},
	}
}

// wantWaiting holds how many exchanges wait and how many connections there are, those
// being made included.
func (p *pooling) wantWaiting(waiting, open int64) {
	p.t.Helper()
	testkit.Await(p.t, fmt.Sprintf("%d wait, %d connections", waiting, open), func() bool { return p.Waiting() == waiting && p.Open() == open }, p.counts)
}

// TestDialsAreBounded holds max_dials on all loops together, and that each dial which
// ends makes room for the next, wherever somebody waits.
func TestDialsAreBounded(t *testing.T) {
	s := startServer(t)
	o := handshaking(s.address)
	o.MaxDials = 3
	p := startUpstream(t, 2, o)
	var all []*waiter
	for i := range 10 {
		all = append(all, p.await(i%2, false))
	}
	for left := 10; left > 0; left-- {
		far := s.next(t)
		p.wantWaiting(int64(left), int64(min(left, 3)))
		_, _ = io.WriteString(far, "this is no TLS")
		p.wantWaiting(int64(left-1), int64(min(left-1, 3)))
	}
	for _, w := range all {
		if _, err := w.result(); edgeerr.CodeOf(err) != edgeerr.UpstreamTLSFailed {
			t.Errorf("a wait ended with %v, want %v", err, edgeerr.UpstreamTLSFailed)
		}
	}
	p.wantCounts(0, 0)
}

// TestWhatBecomesFreeIsHandedOutInOrder holds that nobody waits for his own dial while
// a connection becomes free, that who came first is served first, and that nobody gets
// in front of those who wait.
func TestWhatBecomesFreeIsHandedOutInOrder(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 1, MaxConnections: 1, Connect: time.Hour})
	c := p.mustDial(0)
	var all []*waiter
	for range 4 {
		all = append(all, p.await(0, false))
	}
	p.wantWaiting(4, 1)
	all[1].l.Do(all[1].Cancel) // one of them leaves
	for _, w := range slices.Delete(all, 1, 2) {
		w.l.Do(func() {
			c.Keep()
			if got, soon := p.Take(w.l, &Bound{}, make(woken, 1)); got != nil || soon {
				t.Errorf("somebody who has not waited is given %p, soon %v", got, soon)
			}
		})
		if got, err := w.result(); got != c || err != nil {
			t.Errorf("the first who waits is given %p, %v, want %p", got, err, c)
		}
	}
	keep(c)
	p.wantCounts(1, 1)
	if p.Stats.Dials.Load() != 1 {
		t.Errorf("%d connections were made, want 1", p.Stats.Dials.Load())
	}
}

// TestAPlaceGoesWhereItIsWanted holds max_connections between two loops: the place of a
// connection that ends, becomes idle or is idle goes to the loop that waits for one.
func TestAPlaceGoesWhereItIsWanted(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after func(*Conn)
	}{
		{"it ends", nil, discard},
		{"it becomes idle", nil, keep},
		{"it is idle", keep, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := startUpstream(t, 2, Options{Address: startServer(t).address, MaxIdle: 8, MaxConnections: 1, Connect: time.Hour})
			c := p.mustDial(0)
			if tc.before != nil {
				tc.before(c)
			}
			w := p.await(1, false)
			if tc.after != nil {
				p.wantWaiting(1, 1)
				tc.after(c)
			}
			got, err := w.result()
			if err != nil || got.Loop() != w.l {
				t.Fatalf("given %p, %v, want a connection of the loop", got, err)
			}
			discard(got)
			p.wantCounts(0, 0)
		})
	}
}

// TestWhoWaitsForLongestIsFirstOnEveryLoop holds that a loop whose connections never
// rest does not keep all places to itself, and that it keeps them where the other has
// hardly waited.
func TestWhoWaitsForLongestIsFirstOnEveryLoop(t *testing.T) {
	for _, between := range []time.Duration{unfair / 2, 2 * unfair} {
		p := startUpstream(t, 2, Options{Address: startServer(t).address, MaxIdle: 8, MaxConnections: 1, Connect: time.Hour})
		now := time.Duration(1)
		p.clock = func() time.Duration { return now }
		c := p.mustDial(0)
		other := p.await(1, false)
		now += between
		own := p.await(0, false)
		p.wantWaiting(2, 1)
		keep(c)
		first, second := own, other
		if between > unfair {
			first, second = other, own
		}
		for _, w := range []*waiter{first, second} {
			got, err := w.result()
			if err != nil || got.Loop() != w.l {
				t.Fatalf("given %p, %v, want a connection of the loop", got, err)
			}
			p.wantCounts(1, 0)
			keep(got)
		}
	}
}

// TestWhoWaitsForANewConnectionGetsOne holds that no idle one is given to an exchange
// that has just lost one, and that it stands in nobody's way.
func TestWhoWaitsForANewConnectionGetsOne(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8})
	old := p.mustDial(0)
	keep(old)
	w := p.await(0, true)
	if got := p.pooled(0); got != old {
		t.Errorf("who takes what comes is given %p, want the idle one, %p", got, old)
	}
	got, err := w.result()
	if err != nil || got == old || got.Used {
		t.Errorf("given %p, %v, want a new one", got, err)
	}
	discard(got)
	discard(old)
	p.wantCounts(0, 0)
}

// TestAFailedDialIsToldToWhoWaitedForIt holds that nobody is told of a dial that had
// begun before he came: it may have failed for lack of time that he still has.
func TestAFailedDialIsToldToWhoWaitedForIt(t *testing.T) {
	s := startServer(t)
	o := handshaking(s.address)
	o.MaxDials = 1
	p := startUpstream(t, 1, o)
	first := p.await(0, false)
	far := s.next(t)
	second := p.await(0, false)
	first.l.Do(first.Cancel) // the dial goes on, for the second
	p.wantWaiting(1, 1)
	_ = far.Close()
	far = s.next(t) // another one
	p.wantWaiting(1, 1)
	_ = far.Close()
	if _, err := second.result(); edgeerr.CodeOf(err) != edgeerr.UpstreamTLSFailed {
		t.Errorf("the wait ended with %v, want %v", err, edgeerr.UpstreamTLSFailed)
	}
}

// TestWhoWaitsTooLongIsTold holds what a wait ends with that has lasted for
// timeouts.connect, and where it lasts longer.
func TestWhoWaitsTooLongIsTold(t *testing.T) {
	s := startServer(t)
	full := Options{Address: s.address, MaxIdle: 8, MaxConnections: 1}
	slow := handshaking(s.address)
	slow.MaxDials = 1
	for _, tc := range []struct {
		name string
		o    Options
		more []time.Duration
		want edgeerr.Code
	}{
		{"max_connections is reached", full, nil, edgeerr.UpstreamUnavailable},
		{"a handshake is under way", slow, []time.Duration{time.Hour}, edgeerr.UpstreamConnectTimeout},
	} {
		p := startUpstream(t, 1, tc.o)
		if tc.o.MaxConnections > 0 {
			c := p.mustDial(0)
			defer discard(c)
		}
		w := p.await(0, false)
		w.l.Do(func() {
			for _, want := range tc.more {
				if more, err := w.Late(); more != want || err != nil || !w.Waits() {
					t.Errorf("%s: Late = %v, %v, want %v more", tc.name, more, err, want)
				}
			}
			if _, err := w.Late(); edgeerr.CodeOf(err) != tc.want || w.Waits() {
				t.Errorf("%s: Late = %v, want %v", tc.name, err, tc.want)
			}
		})
		if p.Waiting() != 0 {
			t.Errorf("%s: %d wait, want none", tc.name, p.Waiting())
		}
	}
}

// TestIdleConnectionsOfAllLoopsAreOneNumber holds that max_idle is not divided: a loop
// that has all the work may have all the connections.
func TestIdleConnectionsOfAllLoopsAreOneNumber(t *testing.T) {
	p := startUpstream(t, 4, Options{Address: startServer(t).address, MaxIdle: 4})
	var conns []*Conn
	for range 5 {
		conns = append(conns, p.mustDial(0))
	}
	for _, c := range conns {
		keep(c)
	}
	p.wantCounts(4, 4)
}

// TestWhoLeavesEndsTheDialThatNobodyNeeds holds that of two who wait for a handshake
// one leaves with his dial, and the other is served by his.
func TestWhoLeavesEndsTheDialThatNobodyNeeds(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, handshaking(s.address))
	stays, leaves := p.await(0, false), p.await(0, false)
	ends := []net.Conn{s.next(t), s.next(t)}
	leaves.l.Do(leaves.Cancel)
	p.wantWaiting(1, 1)
	for _, far := range ends {
		_, _ = io.WriteString(far, "this is no TLS")
	}
	if _, err := stays.result(); edgeerr.CodeOf(err) != edgeerr.UpstreamTLSFailed {
		t.Errorf("the wait ended with %v, want %v", err, edgeerr.UpstreamTLSFailed)
	}
	p.wantCounts(0, 0)
	if p.Stats.DialsFailed.Load() != 1 {
		t.Errorf("%d dials are counted as failed, want 1", p.Stats.DialsFailed.Load())
	}
}
