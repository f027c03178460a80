//go:build e2e

package wire

import (
	"fmt"
	"syscall"
)

// bindOnly returns an address that refuses connections: it is bound, so that
// nobody else can get it, but nobody listens. The socket lives as long as the
// process.
func bindOnly() (address string, err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
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
