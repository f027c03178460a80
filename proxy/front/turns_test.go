package front

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// inLine returns how many wait, those included that wait no longer and have not
// been passed over yet.
func (t *turns) inLine() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.lines[begun]) + len(t.lines[newcomer])
}

// queue has somebody wait in each of the places, one behind the other; called says
// who has got a turn.
func queue(t *testing.T, ts *turns, places ...place) (called chan int, leave []context.CancelFunc) {
	t.Helper()
	called = make(chan int, len(places))
	for i, in := range places {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		leave = append(leave, cancel)
		before := ts.inLine()
		go func() {
			if ts.take(ctx, in) == nil {
				called <- i
			}
		}()
		testkit.Await(t, "somebody waits in line", func() bool { return ts.inLine() == before+1 })
	}
	return called, leave
}

// TestTurnsAreTakenInOrder holds that handshakes that have begun go first, and both
// kinds in order of arrival.
func TestTurnsAreTakenInOrder(t *testing.T) {
	ts := &turns{}
	called, _ := queue(t, ts, newcomer, newcomer, begun, newcomer, begun)
	var order []int
	for range 5 {
		ts.give()
		order = append(order, <-called)
	}
	if want := []int{2, 4, 0, 1, 3}; !slices.Equal(order, want) {
		t.Errorf("turns were taken in the order %v, want %v", order, want)
	}
	if ts.give(); ts.free != 1 {
		t.Errorf("%d turns are free, want 1", ts.free)
	}
}

// TestWhoLeavesTheLineTakesNoTurn holds that no turn is lost to somebody who has left,
// and that one whose time is over does not compute.
func TestWhoLeavesTheLineTakesNoTurn(t *testing.T) {
	ts := &turns{}
	called, leave := queue(t, ts, newcomer, newcomer)
	leave[0]()
	testkit.Await(t, "it has left", func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		return ts.lines[newcomer][0].left
	})
	ts.give()
	if i := <-called; i != 1 {
		t.Errorf("the turn went to %d, who has left", i)
	}
	ts.give()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ts.take(over, newcomer); !errors.Is(err, context.Canceled) || ts.free != 1 {
		t.Errorf("take behind the end = %v and leaves %d turns, want canceled and 1", err, ts.free)
	}
}

// TestATurnGivenToWhoLeavesIsNotLost holds it where both happen at the same moment.
func TestATurnGivenToWhoLeavesIsNotLost(t *testing.T) {
	ts := &turns{free: 1}
	for range 1000 {
		ctx, cancel := context.WithCancel(context.Background())
		testkit.Must(t, ts.take(context.Background(), begun))
		left := make(chan error)
		go func() { left <- ts.take(ctx, newcomer) }()
		go cancel()
		ts.give()
		if <-left == nil {
			ts.give()
		}
		if ts.free != 1 {
			t.Fatalf("%d turns are free, want 1", ts.free)
		}
	}
}

// hall is where handshakes are made as Server.secure makes them, with few turns. What
// computes is held up until release is closed.
type hall struct {
	t         *testing.T
	turns     turns
	ctx       context.Context
	cert      *testcert.Certificate
	computing chan struct{} // one for each that computes
	release   chan struct{}
	done      sync.WaitGroup
}

func newHall(t *testing.T, free int) *hall {
	t.Helper()
	cert := testcert.Temp(t, "front.test")
	h := &hall{t: t, turns: turns{free: free}, cert: cert, computing: make(chan struct{}, 100), release: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	h.ctx = ctx
	t.Cleanup(func() { cancel(); h.done.Wait() })
	return h
}

// enter begins the edge's part of a handshake, and returns the client's end of it.
func (h *hall) enter() net.Conn {
	h.t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		h.t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test's end
	far := testkit.Dial(h.t, l.Addr().String())
	near, err := l.AcceptTCP()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = far.Close() })
	conf := h.cert.Server()
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		h.computing <- struct{}{}
		select {
		case <-h.release:
		case <-h.ctx.Done():
		}
		return nil, nil
	}
	h.done.Go(func() {
		defer near.Close() //nolint:errcheck // a test's end
		shaking := &handshaking{TCPConn: near, ctx: h.ctx, turns: &h.turns, left: mostHandshake, place: newcomer}
		defer shaking.rest()
		_, _ = wire.Handshake(shaking, tls.Server, conf, 0) // the client says how it went
	})
	return far
}

// TestHandshakesComputeInTurns holds that of many at once so many compute as there are
// turns, that the others wait, and that all of them are served.
func TestHandshakesComputeInTurns(t *testing.T) {
	const turns, clients = 2, 12
	h := newHall(t, turns)
	served := make(chan error, clients)
	for range clients {
		far := tls.Client(h.enter(), h.cert.Client())
		go func() { served <- far.Handshake() }()
	}
	testkit.Await(t, "as many compute as may", func() bool { return len(h.computing) == turns })
	testkit.Await(t, "the others wait for a turn", func() bool { return h.turns.inLine() == clients-turns })
	if n := len(h.computing); n != turns {
		t.Errorf("%d handshakes compute at a time, want %d", n, turns)
	}
	close(h.release)
	for range clients {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// TestWhoDoesNotGoOnHoldsNoTurn holds that a client that leaves its handshake alone,
// wherever it stands, keeps nobody from theirs.
func TestWhoDoesNotGoOnHoldsNoTurn(t *testing.T) {
	for _, tc := range []struct {
		name string
		say  func(h *hall, far net.Conn)
	}{
		{"it says nothing", func(*hall, net.Conn) {}},
		{"it says the beginning of a record", func(_ *hall, far net.Conn) { _, _ = far.Write([]byte{22, 3, 1}) }},
		{"it says half a hello", func(_ *hall, far net.Conn) { _, _ = far.Write([]byte{22, 3, 1, 1, 0, 1, 0}) }},
		{"it does not answer the edge's part", func(h *hall, far net.Conn) {
			c := tls.Client(&mute{Conn: far}, h.cert.Client())
			if err := c.Handshake(); !errors.Is(err, errMute) {
				h.t.Errorf("the client ended with %v", err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHall(t, 1)
			close(h.release)
			for range 3 {
				tc.say(h, h.enter())
			}
			if err := tls.Client(h.enter(), h.cert.Client()).Handshake(); err != nil {
				t.Errorf("who comes behind it: %v", err)
			}
		})
	}
}

// mute is a client that says its hello and nothing more.
type mute struct {
	net.Conn
	said bool
}

var errMute = errors.New("nothing more is said")

func (m *mute) Write(p []byte) (int, error) {
	if m.said {
		return 0, errMute
	}
	m.said = true
	return m.Conn.Write(p)
}
