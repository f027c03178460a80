//go:build linux && !portable

package wire

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestAnAcceptedConnectionInheritsItsOptions holds what Listen relies on.
func TestAnAcceptedConnectionInheritsItsOptions(t *testing.T) {
	address, own, sides := listen(t, startLoop(t))
	defer own.Close()
	testkit.Dial(t, address)
	s := <-sides
	for _, tc := range []struct {
		name                string
		level, option, want int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAliveIdle / time.Second)},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAliveInterval / time.Second)},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
	} {
		var got int
		var err error
		s.do(func(c *Conn) { got, err = unix.GetsockoptInt(c.descriptor(), tc.level, tc.option) })
		if got != tc.want || err != nil {
			t.Errorf("%s is %d (%v), want %d", tc.name, got, err, tc.want)
		}
	}
}

// TestWithoutDescriptorsOneLookServesAll holds that connections that cannot be accepted
// cost a look now and then for all of them, and that they are accepted as soon as they
// can be. Each had a timer of its own: 12,000 calls of accept a second.
func TestWithoutDescriptorsOneLookServesAll(t *testing.T) {
	const callers = 40
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := tcp.Addr().(*net.TCPAddr).Port
	var failed atomic.Int64
	accepted := make(chan *Socket, callers)
	l := startLoop(t)
	own, err := l.Listen(tcp, func(sock *Socket, err error) {
		if err != nil {
			failed.Add(1)
			return
		}
		accepted <- sock
	})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	calling := make([]int, callers) // made while that can be done
	for i := range calling {
		if calling[i], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(calling[i]) //nolint:errcheck // a test's end
	}
	giveBack := noDescriptors(t)
	defer giveBack()
	begun := time.Now()
	for _, fd := range calling {
		testkit.Must(t, unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
		l.Do(func() {}) // the loop has heard of it
	}
	testkit.Await(t, "it looks again", func() bool { return failed.Load() > 3 })
	if n, most := failed.Load(), 1+int64(time.Since(begun)/acceptAgain); n > most {
		t.Errorf("%d calls of accept have failed, want at most %d", n, most)
	}
	giveBack()
	for range callers {
		(<-accepted).Close()
	}
}

// noDescriptors takes the process all further descriptors until giveBack is called.
func noDescriptors(t *testing.T) (giveBack func()) {
	t.Helper()
	var before unix.Rlimit
	testkit.Must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	testkit.Must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: before.Max}))
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}
}

// TestThoseWhoWaitAreAcceptedAtTheEnd holds that closing a listener loses nobody whom the
// kernel has let in: it would reset them.
func TestThoseWhoWaitAreAcceptedAtTheEnd(t *testing.T) {
	const calls = 4 * acceptShare
	l := startLoop(t)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address, accepted := tcp.Addr().String(), make(chan *Socket, calls)
	own, err := l.Listen(tcp, func(sock *Socket, _ error) { accepted <- sock })
	if err != nil {
		t.Fatal(err)
	}
	release, closed := hold(l), make(chan struct{})
	for range calls {
		testkit.Dial(t, address)
	}
	go func() {
		defer close(closed)
		own.Close()
	}()
	release()
	<-closed
	if n := len(accepted); n != calls {
		t.Errorf("%d connections accepted, want all %d who were in", n, calls)
	}
	for range len(accepted) {
		(<-accepted).Close()
	}
}

// TestAListenerMayBeLeftToAnother holds that who waits then is for the other one who has
// the socket, and that the loop hears no more of it.
func TestAListenerMayBeLeftToAnother(t *testing.T) {
	l := startLoop(t)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := tcp.Addr().String()
	f, err := tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	own, err := l.Listen(tcp, func(*Socket, error) { t.Error("the one who has left has accepted") })
	if err != nil {
		t.Fatal(err)
	}
	before := watched(t, l)
	own.Leave()
	if n := watched(t, l); n != before-1 {
		t.Errorf("the loop watches %d descriptors behind its leave, and %d before", n, before)
	}
	testkit.Dial(t, address)
	other, err := net.FileListener(f)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // a test's end
	c, err := other.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// watched returns how many descriptors the loop's epoll instance has in it.
func watched(t *testing.T, l *Loop) (n int) {
	t.Helper()
	return strings.Count(testkit.Read(t, fmt.Sprintf("/proc/self/fdinfo/%d", l.ep)), "tfd:")
}
