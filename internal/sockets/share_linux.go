package sockets

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// shareAddress has the socket be one of several at its address (SO_REUSEPORT): those of
// one user who all ask for it, in front of bind.
func shareAddress(_, _ string, raw syscall.RawConn) error {
	return control(raw, func(fd int) error {
		return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	})
}

// second is a program that chooses the second socket of a group. The kernel keeps them in
// the order in which they began to listen, and puts the last one into the place of one
// that has closed. It goes by its hash where there is no such number: with one alone.
var second = []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 1}}

// takeNew has new connections come to this socket, as the younger of two, and none to
// the older one any more. Those are in good order when it closes later: each that was
// opened there has been accepted. By the kernel's hash alone those that are half open in
// that moment would be reset, unless net.ipv4.tcp_migrate_req moves them.
func takeNew(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	return control(raw, func(fd int) error {
		program := unix.SockFprog{Len: uint16(len(second)), Filter: &second[0]} //nolint:gosec // it is 1
		err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &program)
		return os.NewSyscallError("setsockopt SO_ATTACH_REUSEPORT_CBPF", err)
	})
}

// listens reports whether f is a socket that listens.
func listens(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	return control(raw, func(fd int) error {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if err == nil && n == 0 {
			err = unix.ENOTCONN
		}
		return err
	}) == nil
}

// control calls do with the descriptor.
func control(raw syscall.RawConn, do func(fd int) error) (err error) {
	if cerr := raw.Control(func(fd uintptr) { err = do(int(fd)) }); cerr != nil { //nolint:gosec // a descriptor is small
		return cerr
	}
	return err
}
