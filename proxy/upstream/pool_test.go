package upstream

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server accepts connections and hands them to the test.
type server struct {
	address  string
	accepted chan *net.TCPConn
}

func startServer(t *testing.T) *server {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String(), accepted: make(chan *net.TCPConn, 1024)}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				close(s.accepted)
				return
			}
			s.accepted <- c
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wait.Wait()
		for c := range s.accepted {
			_ = c.Close()
		}
	})
	return s
}

// next returns the server's end of the next connection.
func (s *server) next(t *testing.T) *net.TCPConn {
	t.Helper()
	c := <-s.accepted
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// pooling is an upstream with its loops.
type pooling struct {
	*Upstream
	t *testing.T
}

func startUpstream(t *testing.T, loops int, o Options) *pooling {
	t.Helper()
	all, err := wire.StartLoops(loops, 40*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	p := &pooling{Upstream: New(o, all), t: t}
	t.Cleanup(func() {
		p.Close()
		wire.CloseLoops(all)
	})
	return p
}

// woken is an owner that tells when it is woken.
type woken chan struct{}

func (w woken) WakeUpstream() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// await has an exchange wait on a loop.
func (p *pooling) await(loop int, fresh bool) *waiter {
	w := &waiter{woken: make(woken, 1), l: p.loops[loop]}
	w.l.Do(func() { p.Await(&w.Wait, w.l, w, fresh) })
	return w
}

// waiter is an exchange that waits.
type waiter struct {
	Wait
	woken
	l *wire.Loop
}

// result waits for what comes of the wait.
func (w *waiter) result() (c *Conn, err error) {
	<-w.woken
	w.l.Do(func() {
		done := false
		if c, err, done = w.Result(); !done || w.Waits() {
			panic("woken, but there is no result")
		}
	})
	return c, err
}

// dial opens a connection on a loop and waits for it.
func (p *pooling) dial(loop int) (c *Conn, err error) { return p.await(loop, true).result() }

func (p *pooling) mustDial(loop int) *Conn {
	p.t.Helper()
	c, err := p.dial(loop)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// pooled takes a connection out of a loop's pool.
func (p *pooling) pooled(loop int) (c *Conn) {
	c, _ = p.pooledFor(loop, &Bound{})
	return c
}

// pooledFor takes one for a client.
func (p *pooling) pooledFor(loop int, mine *Bound) (c *Conn, soon bool) {
	l := p.loops[loop]
	l.Do(func() {}) // a turn ends, and another one begins
	l.Do(func() { c, soon = p.Take(l, mine, make(woken, 1)) })
	return c, soon
}

func keep(c *Conn)    { c.Loop().Do(c.Keep) }
func discard(c *Conn) { c.Loop().Do(c.Discard) }

// counts is how many connections and exchanges there are.
func (p *pooling) counts() string {
	return fmt.Sprintf("%d connections open, %d idle, %d exchanges wait", p.Open(), p.Idle(), p.Waiting())
}

func (p *pooling) wantCounts(open, idle int64) {
	p.t.Helper()
	testkit.Await(p.t, fmt.Sprintf("%d connections open, %d idle", open, idle), func() bool { return p.Open() == open && p.Idle() == idle }, p.counts)
}

// wantClosed holds that the edge has closed the connection.
func wantClosed(t *testing.T, far *net.TCPConn) {
	t.Helper()
	var timeout net.Error
	if _, err := far.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is open: read = %v", err)
	}
}

// TestTheLastInIsTheFirstOut holds that hot connections stay young while the
// others grow old and are closed.
func TestTheLastInIsTheFirstOut(t *testing.T) {
	p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: 8})
	conns := []*Conn{p.mustDial(0), p.mustDial(0), p.mustDial(0)}
	for _, c := range conns {
		if c.Used {
			t.Error("a connection is used before it has carried an exchange")
		}
		keep(c)
	}
	p.wantCounts(3, 3)
	slices.Reverse(conns)
	for i, want := range conns {
		if got := p.pooled(0); got != want || !got.Used {
			t.Errorf("connection %d from the pool is %p, want %p, used", i+1, got, want)
		}
	}
	if p.pooled(0) != nil {
		t.Error("one more connection in the pool")
	}
	for _, c := range conns {
		discard(c)
	}
	p.wantCounts(0, 0)
}

// TestALoopKeepsItsOwn holds that exchanges of two loops share no connection: what
// happens on one happens on one goroutine.
func TestALoopKeepsItsOwn(t *testing.T) {
	p := startUpstream(t, 2, Options{Address: startServer(t).address, MaxIdle: 8})
	c := p.mustDial(0)
	keep(c)
	if p.pooled(1) != nil {
		t.Error("a connection of one loop is handed to another")
	}
	if got := p.pooled(0); got != c {
		t.Errorf("the loop's own connection is %p, want %p", got, c)
	}
	discard(c)
}

// TestIdleConnectionsAreBounded holds max_idle: the one too many is closed.
func TestIdleConnectionsAreBounded(t *testing.T) {
	for _, limit := range []int{0, 1, 2} {
		p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: limit})
		var conns []*Conn
		for range limit + 2 {
			conns = append(conns, p.mustDial(0))
		}
		for _, c := range conns {
			keep(c)
		}
		p.wantCounts(int64(limit), int64(limit))
	}
}

// TestIdleConnectionsExpire holds upstream_keep_alive; a connection in use is not
// touched by it.
func TestIdleConnectionsExpire(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8, KeepAlive: 50 * time.Millisecond})
	idle := p.mustDial(0)
	far := s.next(t)
	used := p.mustDial(0)
	keep(idle)
	wantClosed(t, far)
	p.wantCounts(1, 0)
	used.Loop().Do(func() {
		if used.Closed() {
			t.Error("the connection in use was closed")
		}
	})
	discard(used)
}

// TestAnIdleConnectionThatItsPeerClosesIsClosedHere holds that nobody has to ask
// for it first, and that it is not handed out.
func TestAnIdleConnectionThatItsPeerClosesIsClosedHere(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 1, Options{Address: s.address, MaxIdle: 8})
	dead := p.mustDial(0)
	far := s.next(t)
	alive := p.mustDial(0)
	keep(alive)
	keep(dead)
	_ = far.Close()
	p.wantCounts(1, 1)
	if got := p.pooled(0); got != alive {
		t.Errorf("the pool hands out %p, want %p", got, alive)
	}
	discard(alive)
}

// TestAFailedDialIsNotOpen holds that it gives its place back and says what it was.
func TestAFailedDialIsNotOpen(t *testing.T) {
	p := startUpstream(t, 1, Options{Address: "127.0.0.1:1", MaxConnections: 1})
	for range 3 {
		if _, err := p.dial(0); edgeerr.CodeOf(err) != edgeerr.UpstreamConnectFailed {
			t.Errorf("Dial = %v, want %v", err, edgeerr.UpstreamConnectFailed)
		}
	}
	p.wantCounts(0, 0)
	if n := p.Stats.DialsFailed.Load(); n != 3 {
		t.Errorf("%d dials are counted as failed, want 3", n)
	}
}

// TestADialThatNobodyWaitsForIsNotLost holds that a connection which comes after
// its exchange has ended is there for the next one, or closed.
func TestADialThatNobodyWaitsForIsNotLost(t *testing.T) {
	p := startUpstream(t, 1, Options{Address: startServer(t).address, MaxIdle: 8})
	for range 20 {
		w := p.await(0, false)
		w.l.Do(w.Cancel)
	}
	testkit.Await(t, "all connections that are open are idle", func() bool { return p.Open() == p.Idle() }, p.counts)
	if p.Waiting() != 0 {
		t.Errorf("%d wait, want none", p.Waiting())
	}
}

// TestCloseEndsIdleConnectionsOnly holds that exchanges which run when a reload
// drops their upstream end as they would have, and leave nothing behind.
func TestCloseEndsIdleConnectionsOnly(t *testing.T) {
	p := startUpstream(t, 2, Options{Address: startServer(t).address, MaxIdle: 8, KeepAlive: time.Hour})
	idle, other, used := p.mustDial(0), p.mustDial(1), p.mustDial(0)
	keep(idle)
	keep(other)
	p.Close()
	p.Close() // again is no harm
	p.wantCounts(1, 0)
	used.Loop().Do(func() {
		if used.Closed() {
			t.Error("the connection in use was closed")
		}
	})
	keep(used) // there is no pool any more
	p.wantCounts(0, 0)
}

// TestThePoolUnderEveryoneAtOnce gives the race detector dialing, keeping, taking,
// peers that leave, expiry and Close at the same time, and holds that all adds up.
func TestThePoolUnderEveryoneAtOnce(t *testing.T) {
	s := startServer(t)
	p := startUpstream(t, 2, Options{Address: s.address, MaxIdle: 4, MaxConnections: 3, KeepAlive: 40 * time.Millisecond})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for range 40 {
				c := p.pooled(worker % 2)
				if c == nil {
					var err error
					if c, err = p.await(worker%2, false).result(); err != nil {
						t.Error(err)
						return
					}
				}
				keep(c)
			}
		})
	}
	stop := make(chan struct{})
	var leaving sync.WaitGroup
	leaving.Go(func() {
		for {
			select {
			case far := <-s.accepted:
				_ = far.Close()
			case <-stop:
				return
			}
		}
	})
	all.Wait()
	close(stop)
	leaving.Wait()
	p.Close()
	p.wantCounts(0, 0)
}
