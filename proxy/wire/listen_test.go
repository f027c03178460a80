package wire

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// listen returns the address of a listener on l that adopts what it accepts, and
// the sides as they come.
func listen(t *testing.T, l *Loop) (address string, own *Listener, sides <-chan *side) {
	t.Helper()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address = tcp.Addr().String()
	accepted := make(chan *side, 256)
	own, err = l.Listen(tcp, func(sock *Socket, err error) {
		s := &side{t: t, loop: l, woken: make(chan struct{}, 1)}
		if err == nil && !sock.Peer.Addr().IsLoopback() {
			err = errors.New("the peer is " + sock.Peer.String())
		}
		if err == nil {
			s.conn, err = l.Adopt(sock, nil, s, 0)
		}
		if err != nil {
			t.Error(err)
		}
		accepted <- s
	})
	if err != nil {
		t.Fatal(err)
	}
	return address, own, accepted
}

// TestAListenerAcceptsWhoeverCalls holds that nobody of many is left waiting, more
// than are accepted in one go included.
func TestAListenerAcceptsWhoeverCalls(t *testing.T) {
	const calls = 200
	l := startLoop(t)
	release := hold(l) // so that all are there when it looks
	listener := make(chan *Listener, 1)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *Socket, calls)
	go func() {
		own, err := l.Listen(tcp, func(sock *Socket, err error) {
			if err != nil {
				t.Error(err)
			}
			accepted <- sock
		})
		if err != nil {
			t.Error(err)
		}
		listener <- own
	}()
	for range calls {
		testkit.Dial(t, tcp.Addr().String())
	}
	release()
	for range calls {
		(<-accepted).Close()
	}
	(<-listener).Close()
}

// TestAnAcceptedConnectionIsOneLikeAnother holds that both directions work, and
// that the listener can be closed under it.
func TestAnAcceptedConnectionIsOneLikeAnother(t *testing.T) {
	address, own, sides := listen(t, startLoop(t))
	far := testkit.Dial(t, address)
	s := <-sides
	own.Close()
	own.Close()
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("a closed listener accepts")
	}
	if _, err := far.Write([]byte("up")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.read(); got != "up" {
		t.Fatalf("read %q, %v", got, err)
	}
	s.write([]byte("down"))
	s.do((*Conn).Close)
	if got, err := io.ReadAll(far); string(got) != "down" {
		t.Fatalf("the peer read %q, %v", got, err)
	}
}

// TestAnAcceptedConnectionCanBeTakenBack holds that a handshake can be made on it.
func TestAnAcceptedConnectionCanBeTakenBack(t *testing.T) {
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *Socket, 1)
	own, err := startLoop(t).Listen(tcp, func(sock *Socket, _ error) { accepted <- sock })
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	far := testkit.Dial(t, tcp.Addr().String())
	near, err := (<-accepted).TCP()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close() //nolint:errcheck // a test's end
	go func() { _, _ = io.Copy(near, near) }()
	if _, err := far.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(far, got); string(got) != "echo" {
		t.Fatalf("read %q, %v", got, err)
	}
}
