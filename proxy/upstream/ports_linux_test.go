package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// TestALackOfPortsIsTheEdgesOwn holds what a dial says where each local port is in use
// towards the upstream: not that the upstream is at fault. An address family that is
// switched off has the same error of the kernel, and is no such lack.
func TestALackOfPortsIsTheEdgesOwn(t *testing.T) {
	u := New(Options{Name: "legacy"}, nil)
	inNetwork(t, func() error {
		const ports = "/proc/sys/net/ipv4/ip_local_port_range"
		l, err := net.Listen("tcp4", "127.0.0.1:1024")
		if err != nil {
			return err
		}
		defer l.Close() //nolint:errcheck // a test's end
		if err := os.WriteFile(ports, []byte("50000 50003"), 0); err != nil {
			return err
		}
		end := netip.MustParseAddrPort("127.0.0.1:1024")
		for range 4 {
			c, err := dialTCP(context.Background(), end)
			if err != nil {
				return err
			}
			defer c.Close() //nolint:errcheck // a test's end
		}
		_, err = dialTCP(context.Background(), end)
		for _, explain := range []func(error) error{u.explain, func(err error) error { return u.explainProxy(&Proxy{}, err) }} {
			told := explain(err)
			if edgeerr.CodeOf(told) != edgeerr.EdgeOverloaded || !strings.Contains(told.Error(), "no local port left") || !errors.Is(told, syscall.EADDRNOTAVAIL) {
				t.Errorf("without a port left: %v", told)
			}
		}
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0); err != nil {
			return nil //nolint:nilerr // there is no IPv6 to switch off
		}
		_, err = dialTCP(context.Background(), netip.MustParseAddrPort("[::1]:1024"))
		if told := u.explain(err); edgeerr.CodeOf(told) != edgeerr.UpstreamConnectFailed {
			t.Errorf("without IPv6: %v", told)
		}
		return nil
	})
}

// inNetwork runs f on a thread with a network of its own, whose loopback is up. That
// thread ends with it.
func inNetwork(t *testing.T, f func() error) {
	t.Helper()
	var made error
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if made = unix.Unshare(unix.CLONE_NEWNET); made != nil {
			done <- nil
			return
		}
		if err := loopbackUp(); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	err := <-done
	switch {
	case errors.Is(made, syscall.EPERM), errors.Is(made, syscall.ENOSYS), errors.Is(made, syscall.EINVAL):
		t.Skip("no network of its own: ", made)
	case made != nil || err != nil:
		t.Fatal(made, err)
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // a test's end
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
