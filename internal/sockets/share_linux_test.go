package sockets

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheYoungerOfTwoIsCalled holds that new connections come to it alone while both
// listen, that those of the older one stay there, and that the younger one becomes the
// older one for the next.
func TestTheYoungerOfTwoIsCalled(t *testing.T) {
	const calls = 64
	older := beside(t, "127.0.0.1:0")
	address := older.Addr().String()
	call(t, address, calls)
	for range 3 {
		younger := beside(t, address)
		if n := accepted(t, older); n != calls {
			t.Errorf("the older one has %d connections, want the %d of before", n, calls)
		}
		call(t, address, calls)
		if n := accepted(t, older); n != 0 {
			t.Errorf("the older one gets %d of %d connections, want none", n, calls)
		}
		_ = older.Close()
		older = younger
	}
	if n := accepted(t, older); n != calls {
		t.Errorf("the last one has %d connections, want %d", n, calls)
	}
}

// TestWhoListensAloneIsSaidToDoSo holds that an edge that was not started to be relieved
// cannot be, and that the next one says so.
func TestWhoListensAloneIsSaidToDoSo(t *testing.T) {
	alone := listener(t, "tcp", "127.0.0.1:0")
	_, _, err := (&Sockets{Beside: true}).Open(Clients, alone.Addr().String())
	if !errors.Is(err, syscall.EADDRINUSE) || err.Error() == syscall.EADDRINUSE.Error() {
		t.Errorf("Open = %v, want that it is in use, and what for", err)
	}
}

func beside(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	l, _, err := (&Sockets{Beside: true}).Open(Clients, address)
	testkit.Must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func call(t *testing.T, address string, n int) {
	t.Helper()
	for range n {
		testkit.Dial(t, address)
	}
}

// accepted accepts who waits. Over loopback a connection waits as soon as Dial returns.
func accepted(t *testing.T, l *net.TCPListener) (n int) {
	t.Helper()
	raw, err := l.SyscallConn()
	testkit.Must(t, err)
	for {
		if err := control(raw, func(fd int) error { // it does not block
			c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			if err == nil {
				n++
				_ = unix.Close(c)
			}
			return err
		}); errors.Is(err, unix.EAGAIN) {
			return n
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
