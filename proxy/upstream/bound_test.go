package upstream

import (
	"crypto/tls"
	"io"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// bind dials a connection for a client, which keeps it between its exchanges.
func (p *pooling) bind(mine *Bound) *Conn {
	c := p.mustDial(0)
	c.Loop().Do(func() {
		c.Bind(mine)
		c.Bind(mine) // again is no harm
		c.Keep()
	})
	return c
}

// TestABoundConnectionServesItsClientOnly holds that it is never in the pool, that
// its client gets it before any other, and that its end is the client's.
func TestABoundConnectionServesItsClientOnly(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8})
	other := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8})
	alice, bob := &Bound{}, &Bound{}
	shared := p.mustDial(0)
	c := p.bind(alice)
	keep(shared)
	p.wantCounts(2, 2)
	if got, _ := other.pooledFor(0, alice); got != nil {
		t.Error("another upstream's exchange is given the connection")
	}
	for range 3 {
		if got, _ := p.pooledFor(0, alice); got != c {
			t.Errorf("alice is given %p, want her own, %p", got, c)
		}
		if got, _ := p.pooledFor(0, bob); got != shared {
			t.Errorf("bob is given %p, want the one from the pool, %p", got, shared)
		}
		if got, _ := p.pooledFor(0, bob); got != nil {
			t.Errorf("bob is given %p, want none", got)
		}
		keep(c)
		keep(shared)
	}
	p.wantCounts(2, 2)
	p.loops[0].Do(alice.Close)
	p.loops[0].Do(alice.Close)
	p.wantCounts(1, 1)
	if len(p.pools[p.loops[0]].bound) > 0 || len(alice.conns) > 0 {
		t.Error("a closed connection is still held")
	}
}

// TestTheWaysInWhichABoundConnectionEnds holds that each counts it out, and that its
// client is not given what is closed.
func TestTheWaysInWhichABoundConnectionEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(p *pooling, s *server, c *Conn)
	}{
		{"the peer closes it", func(p *pooling, s *server, _ *Conn) { _ = s.next(p.t).Close() }},
		{"bytes that nobody asked for", func(p *pooling, s *server, _ *Conn) { _, _ = io.WriteString(s.next(p.t), "x") }},
		{"upstream_keep_alive", func(_ *pooling, _ *server, c *Conn) {
			c.Loop().Do(func() { c.ExpireAfter(10 * time.Millisecond) })
		}},
		{"the upstream is no longer used", func(p *pooling, _ *server, _ *Conn) { p.Close() }},
		{"another client needs the room", func(p *pooling, _ *server, _ *Conn) { discard(p.mustDial(0)) }},
		{"its exchange is cut", func(p *pooling, _ *server, c *Conn) {
			p.loops[0].Do(func() { _, _ = p.Take(p.loops[0], c.bound, make(woken, 1)) })
			discard(c)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startServer(t)
			p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8, MaxConnections: 1, KeepAlive: time.Hour})
			mine := &Bound{}
			c := p.bind(mine)
			p.loops[0].Do(func() {})
			tc.end(p, s, c)
			p.wantCounts(0, 0)
			if got, wait := p.pooledFor(0, mine); got != nil || wait || len(mine.conns) > 0 || len(c.pool.bound) > 0 {
				t.Errorf("its client is given %p, wait %v; %d held", got, wait, len(mine.conns))
			}
		})
	}
}

// TestAConnectionRestsForATurn holds that one which has just ended an exchange serves
// nobody before its loop has looked at what came behind the answer; whose client has
// logged in on it waits for that.
func TestAConnectionRestsForATurn(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8})
	mine, l := &Bound{}, p.loops[0]
	for _, bound := range []bool{false, true} {
		c := p.mustDial(0)
		far := s.next(t)
		l.Do(func() {
			if bound {
				c.Bind(mine)
			}
			c.Keep()
			_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\n\r\n") // it is in the kernel now
			if got, soon := p.Take(l, mine, make(woken, 1)); got != nil || soon != bound {
				t.Errorf("bound %v: given %p, soon %v; want none, %v", bound, got, soon, bound)
			}
		})
		p.wantCounts(0, 0)
	}
}

// TestAnOlderConnectionServesMeanwhile holds that nobody waits where another one is
// silent for longer.
func TestAnOlderConnectionServesMeanwhile(t *testing.T) {
	p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: 8})
	old, young := p.mustDial(0), p.mustDial(0)
	keep(old)
	l := p.loops[0]
	l.Do(func() {})
	l.Do(func() {
		young.Keep()
		if got, _ := p.Take(l, &Bound{}, make(woken, 1)); got != old {
			t.Errorf("given %p, want the older one, %p", got, old)
		}
	})
	discard(old)
	p.wantCounts(1, 1)
}

// TestADialThatPanicsFails holds that who waits for it is told, that its place is
// given back, and that the process lives.
func TestADialThatPanicsFails(t *testing.T) {
	p := startUpstream(t, 1, Options{
		Address: startServer(t).address, MaxConnections: 1, TLSHandshake: time.Minute,
		TLS: &tls.Config{ServerName: "localhost", Rand: panicking{}}, //nolint:gosec // it does not come that far
	})
	for range 2 {
		if _, err := p.dial(0); edgeerr.CodeOf(err) != edgeerr.UpstreamTLSFailed {
			t.Errorf("Dial = %v, want %v", err, edgeerr.UpstreamTLSFailed)
		}
	}
	p.wantCounts(0, 0)
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("no random bytes") }

// TestAConnectionThatNobodyFetchedIsKept holds that an exchange which ends between
// the arrival of its connection and its next step loses none.
func TestAConnectionThatNobodyFetchedIsKept(t *testing.T) {
	p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: 8})
	w := p.await(0, false)
	<-w.woken
	w.l.Do(w.Cancel)
	p.wantCounts(1, 1)
}
