//go:build linux && !portable

package wire

import (
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheKernelHoldsToTheStall holds that what the peer does not acknowledge is bounded
// as what it does not take.
func TestTheKernelHoldsToTheStall(t *testing.T) {
	for _, tc := range []struct {
		stall time.Duration
		want  int // milliseconds
	}{
		{0, 0},
		{time.Microsecond, 1001},
		{60 * time.Second, 76_000},
		{365 * 24 * time.Hour, math.MaxInt32},
	} {
		near, _ := tcpPair(t)
		s := adopt(t, startLoop(t), near, nil, tc.stall)
		var got int
		var err error
		s.do(func(c *Conn) { c.BoundUnacked(tc.stall) })
		s.do(func(c *Conn) { got, err = unix.GetsockoptInt(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) })
		if got != tc.want || err != nil {
			t.Errorf("stall %v: the kernel waits %d ms (%v), want %d", tc.stall, got, err, tc.want)
		}
	}
}

// probeOften has the kernel probe every second, and not give up for want of answers:
// only BoundUnacked does.
func (s *side) probeOften() {
	s.t.Helper()
	var errs [3]error
	s.do(func(c *Conn) {
		errs[0] = unix.SetsockoptInt(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1)
		errs[1] = unix.SetsockoptInt(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1)
		errs[2] = unix.SetsockoptInt(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 100)
	})
	testkit.Must(s.t, errors.Join(errs[:]...))
}

// TestAPeerThatThinksIsNotGivenUp holds that one which says nothing for several times
// as long as its kernel may be silent is waited for, and heard.
func TestAPeerThatThinksIsNotGivenUp(t *testing.T) {
	near, far := tcpPair(t)
	s := adopt(t, startLoop(t), near, nil, time.Second)
	s.do(func(c *Conn) { c.BoundUnacked(time.Second) })
	s.probeOften()
	s.write([]byte("what is the answer?"))
	if _, err := io.ReadFull(far, make([]byte, len("what is the answer?"))); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "it has been silent for long, or is given up", func() bool {
		var silent uint32
		var left bool
		s.do(func(c *Conn) {
			left = c.Left()
			if info, err := unix.GetsockoptTCPInfo(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
				silent = min(info.Last_data_sent, info.Last_data_recv)
			}
		})
		return left || silent > 3000
	})
	if _, err := far.Write([]byte("42")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.read(); got != "42" {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestASilentPartitionIsNoticed holds that a peer behind a network that drops everything
// is given up after BoundUnacked, whether something was sent or is waited for. A
// request on a pooled connection hung for 300 s, one that had been sent for 246 s.
func TestASilentPartitionIsNoticed(t *testing.T) {
	for _, tc := range []struct {
		name string
		say  string // behind the cut
	}{
		{"with something to send", "a request"},
		{"waiting for an answer", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			near, cut := partition(t)
			s := adopt(t, startLoop(t), near, nil, time.Second)
			s.do(func(c *Conn) { c.BoundUnacked(time.Second) })
			s.probeOften()
			cut()
			if tc.say != "" {
				s.write([]byte(tc.say))
			}
			s.left()
			if _, err := s.read(); !errors.Is(err, syscall.ETIMEDOUT) && !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.ENETUNREACH) {
				t.Errorf("read: %v, want that the time is over", err)
			}
		})
	}
}

// TestAClientBehindACutNetworkHasStalled holds that WantAcks notices it while the kernel
// goes on trying, with nothing of the edge's own waiting; and not one that is there and
// has no room, nor one that has acknowledged everything.
func TestAClientBehindACutNetworkHasStalled(t *testing.T) {
	const stall = time.Second
	start := func(near *net.TCPConn) *side {
		s := adopt(t, startLoop(t), near, nil, stall)
		s.do((*Conn).WantAcks)
		return s
	}
	near, cut := partition(t)
	behind := start(near)
	cut()
	behind.write([]byte("an event"))

	near, far := tcpPair(t)
	testkit.Must(t, errors.Join(far.SetReadBuffer(4<<10), near.SetWriteBuffer(1<<20)))
	full := start(near)
	full.write(make([]byte, 256<<10)) // the kernel takes it, the peer has no room
	near, _ = tcpPair(t)
	idle := start(near)
	idle.write([]byte("an event"))

	testkit.Await(t, "the one behind the cut has stalled", behind.stalled)
	for _, s := range []*side{behind, full} {
		s.do(func(c *Conn) {
			if c.backlog != nil || c.unacked() == 0 {
				t.Errorf("a backlog: %t; %d bytes with the kernel; want some, and none of our own", c.backlog != nil, c.unacked())
			}
		})
	}
	testkit.Await(t, "the others have been looked at for as long", func() bool {
		var silent uint32
		idle.do(func(c *Conn) {
			if info, err := unix.GetsockoptTCPInfo(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
				silent = info.Last_ack_recv
			}
		})
		return silent > 2*uint32(stall/time.Millisecond)
	})
	if full.stalled() || idle.stalled() {
		t.Errorf("stalled: the one without room %t, the one with nothing under way %t; want neither", full.stalled(), idle.stalled())
	}
}

// partition returns a connection within a network of its own, and how to cut it. The
// thread that is in that network ends with the goroutine.
func partition(t *testing.T) (near *net.TCPConn, cut func()) {
	t.Helper()
	cutting, done := make(chan struct{}), make(chan struct{})
	made := make(chan error, 1)
	var far net.Conn
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: nobody else may run in that network
		made <- func() (err error) {
			if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			if err = loopback(true); err != nil {
				return err
			}
			l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return err
			}
			defer l.Close() //nolint:errcheck // a test's end
			if far, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr)); err != nil {
				return err
			}
			near, err = l.AcceptTCP()
			return err
		}()
		<-cutting
		made <- loopback(false)
	}()
	err := <-made
	var once bool
	cut = func() {
		if once {
			return
		}
		once = true
		close(cutting)
		if err := <-made; err != nil {
			t.Error(err)
		}
		<-done
	}
	t.Cleanup(func() {
		cut()
		for _, c := range []net.Conn{near, far} {
			if c != nil {
				_ = c.Close()
			}
		}
	})
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EINVAL):
		once = true
		close(cutting)
		<-made
		<-done
		t.Skip("no network of its own: ", err)
	case err != nil:
		t.Fatal(err)
	}
	return near, cut
}

// loopback switches the loopback interface of this thread's network on or off.
func loopback(on bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // a test's end
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if on {
		request.SetUint16(unix.IFF_UP)
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
