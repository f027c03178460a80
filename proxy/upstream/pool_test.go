package upstream

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
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

// accept returns the far end of the next connection.
func (s *server) accept(t *testing.T) *net.TCPConn {
	t.Helper()
	c := <-s.accepted
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func startUpstream(t *testing.T, o Options) *Upstream {
	t.Helper()
	w, err := wire.NewWatch(40 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	u := New(o, w)
	t.Cleanup(func() {
		u.Close()
		w.Stop()
	})
	return u
}

func dial(t *testing.T, u *Upstream) *Conn {
	t.Helper()
	c, err := u.Dial(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantCounts(t *testing.T, u *Upstream, open, idle int64) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); u.Open() != open || u.Idle() != idle; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections open, %d idle, want %d and %d", u.Open(), u.Idle(), open, idle)
		}
	}
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
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 8})
	conns := []*Conn{dial(t, u), dial(t, u), dial(t, u)}
	for _, c := range conns {
		c.Keep(1)
	}
	wantCounts(t, u, 3, 3)
	slices.Reverse(conns)
	for i, want := range conns {
		got := u.Pooled(1)
		if got != want || !got.Used {
			t.Errorf("connection %d from the pool is %p (used: %v), want %p", i+1, got, got != nil && got.Used, want)
		}
	}
	if u.Pooled(1) != nil {
		t.Error("one more connection in the pool")
	}
	for _, c := range conns {
		c.Discard()
	}
	wantCounts(t, u, 0, 0)
}

// TestEveryPartOfThePoolIsAsked holds that no connection is opened while another
// one is idle, whichever client left it there.
func TestEveryPartOfThePoolIsAsked(t *testing.T) {
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 8})
	for hint := range 5 {
		c := dial(t, u)
		c.Keep(hint)
		if got := u.Pooled(hint + 1); got != c {
			t.Errorf("a connection kept by client %d is not found by client %d", hint, hint+1)
		}
		c.Discard()
	}
}

// TestIdleConnectionsAreBounded holds max_idle: the one too many is closed.
func TestIdleConnectionsAreBounded(t *testing.T) {
	for _, limit := range []int{0, 1, 2} {
		s := startServer(t)
		u := startUpstream(t, Options{Address: s.address, MaxIdle: limit})
		var fars []*net.TCPConn
		var conns []*Conn
		for range limit + 1 {
			conns = append(conns, dial(t, u))
			fars = append(fars, s.accept(t))
		}
		for _, c := range conns {
			c.Keep(0)
		}
		wantCounts(t, u, int64(limit), int64(limit))
		wantClosed(t, fars[limit])
	}
}

// TestIdleConnectionsExpire holds upstream_keep_alive; a connection in use is not
// touched by it.
func TestIdleConnectionsExpire(t *testing.T) {
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 8, KeepAlive: 50 * time.Millisecond})
	idle, used := dial(t, u), dial(t, u)
	first := s.accept(t)
	idle.Keep(0)
	wantClosed(t, first)
	wantCounts(t, u, 1, 0)
	if used.Dead() {
		t.Error("the connection in use was closed")
	}
	used.Discard()
}

// TestAnIdleConnectionThatItsPeerClosesIsClosedHere holds that nobody has to ask
// for it first, and that it is not handed out.
func TestAnIdleConnectionThatItsPeerClosesIsClosedHere(t *testing.T) {
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 8})
	dead, alive := dial(t, u), dial(t, u)
	far := s.accept(t)
	alive.Keep(0)
	dead.Keep(0)
	if far.LocalAddr().String() != dead.TCP().RemoteAddr().String() || far.RemoteAddr().String() != dead.TCP().LocalAddr().String() {
		far = s.accept(t)
	}
	_ = far.Close()
	wantCounts(t, u, 1, 1)
	if got := u.Pooled(0); got != alive {
		t.Errorf("the pool hands out %p, want %p", got, alive)
	}
	alive.Discard()
}

// TestAConnectionWithUnaskedBytesIsNotHandedOut holds the last look before use.
func TestAConnectionWithUnaskedBytesIsNotHandedOut(t *testing.T) {
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 8})
	dial(t, u).Keep(0)
	far := s.accept(t)
	if _, err := far.Write([]byte("HTTP/1.1 408 Request Timeout\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := u.Pooled(0); got != nil {
		t.Error("the pool hands out a connection with bytes that nobody asked for")
	}
	if n := u.Stats.FoundDead.Load(); n != 1 {
		t.Errorf("%d connections found dead, want 1", n)
	}
	wantCounts(t, u, 0, 0)
}

// TestConnectionsAreBounded holds max_connections: one more is refused at once,
// and again possible when one has ended.
func TestConnectionsAreBounded(t *testing.T) {
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 8, MaxConnections: 1})
	c := dial(t, u)
	if _, err := u.Dial(context.Background(), 0); edgeerr.CodeOf(err) != edgeerr.UpstreamUnavailable {
		t.Errorf("the second Dial = %v, want %v", err, edgeerr.UpstreamUnavailable)
	}
	c.Discard()
	dial(t, u).Discard()
	wantCounts(t, u, 0, 0)
}

// TestFailedDialsAreNotOpen holds that they give their place back.
func TestFailedDialsAreNotOpen(t *testing.T) {
	s := startServer(t)
	for _, tc := range []struct {
		name string
		ctx  func() context.Context
		dead bool
		want edgeerr.Code
	}{
		{"refused", context.Background, true, edgeerr.UpstreamConnectFailed},
		{"canceled", canceled, false, edgeerr.ClientLeft},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address := s.address
			if tc.dead {
				address = "127.0.0.1:1"
			}
			u := startUpstream(t, Options{Address: address, MaxConnections: 1})
			for range 3 {
				c, err := u.Dial(tc.ctx(), 0)
				if err == nil {
					c.Discard() // it was there before the cancellation was seen
				} else if edgeerr.CodeOf(err) != tc.want {
					t.Errorf("Dial = %v, want %v", err, tc.want)
				}
			}
			wantCounts(t, u, 0, 0)
		})
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestCloseEndsIdleConnectionsOnly holds that exchanges which run when a reload
// drops their upstream end as they would have, and leave nothing behind.
func TestCloseEndsIdleConnectionsOnly(t *testing.T) {
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 8, KeepAlive: time.Hour})
	idle, used := dial(t, u), dial(t, u)
	idle.Keep(0)
	u.Close()
	u.Close() // again is no harm
	wantCounts(t, u, 1, 0)
	if used.Dead() {
		t.Error("the connection in use was closed")
	}
	used.Keep(0) // there is no pool any more
	wantCounts(t, u, 0, 0)
}

// TestThePoolUnderEveryoneAtOnce gives the race detector keeping, taking, peers
// that leave, expiry and Close at the same time, and holds that all adds up.
func TestThePoolUnderEveryoneAtOnce(t *testing.T) {
	s := startServer(t)
	u := startUpstream(t, Options{Address: s.address, MaxIdle: 4, KeepAlive: 40 * time.Millisecond})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for range 60 {
				c := u.Pooled(worker)
				if c == nil {
					var err error
					if c, err = u.Dial(context.Background(), 0); err != nil {
						t.Error(err)
						return
					}
				}
				c.Keep(worker)
			}
		})
	}
	all.Go(func() {
		for range 20 {
			select {
			case far := <-s.accepted:
				_ = far.Close()
			case <-time.After(time.Second):
				return
			}
		}
	})
	all.Wait()
	u.Close()
	wantCounts(t, u, 0, 0)
}
