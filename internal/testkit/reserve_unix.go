//go:build unix

package testkit

import (
	"fmt"
	"net"
	"syscall"
	"testing"
)

// Reserve returns an address that nobody else gets: it is bound, but nobody
// listens, so that it refuses connections until somebody does. The socket lives
// as long as the process.
func Reserve() (address string, err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return "", err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return "", err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return "", err
	}
	v4, ok := bound.(*syscall.SockaddrInet4)
	if !ok {
		return "", fmt.Errorf("bound to %v, which is not IPv4", bound)
	}
	return fmt.Sprintf("127.0.0.1:%d", v4.Port), nil
}

// Unused is Reserve for a test.
func Unused(t testing.TB) (address string) {
	t.Helper()
	address, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// UnusedPort is the port of an address that is Unused.
func UnusedPort(t testing.TB) (port string) {
	t.Helper()
	_, port, err := net.SplitHostPort(Unused(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
