package network

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// A Space is a network of its own: a namespace of the kernel (network_namespaces(7)).
type Space struct{ file *os.File }

// NewSpace returns one in which nothing but loopback is up.
func NewSpace() (*Space, error) {
	s := &Space{}
	err := elsewhere(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() (err error) {
		if s.file, err = os.Open(own); err != nil {
			return err
		}
		return loopbackUp()
	})
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%w (%w); as root it does, or with unshare -rn", ErrNotAllowed, err)
	}
	return s, nil
}

// Do runs f there: sockets that it opens and processes that it starts are of that
// network. f must do so itself, and have no other goroutine do it.
func (s *Space) Do(f func() error) error {
	return elsewhere(func() error { return unix.Setns(int(s.file.Fd()), unix.CLONE_NEWNET) }, f)
}

// Close lets go of it.
func (s *Space) Close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// path is where another process finds it.
func (s *Space) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.file.Fd()) }

// own is the network of the thread that asks.
const own = "/proc/thread-self/ns/net"

// elsewhere runs f on a thread that go has taken elsewhere, and brings that back. It
// must not end: processes that it has started die with it (PR_SET_PDEATHSIG).
func elsewhere(leave, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open(own)
	if err != nil {
		return err
	}
	defer home.Close()
	if err := leave(); err != nil {
		return err
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic("BUG: no way back from another network: " + err.Error())
		}
	}()
	return f()
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
