package service

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestBindErrorsSayWhatToDo: tests run as root as well, who may have every port, so
// the errors are made here as net makes them.
func TestBindErrorsSayWhatToDo(t *testing.T) {
	for _, tc := range []struct {
		cause syscall.Errno
		want  string
	}{
		{syscall.EACCES, "needs a right: AmbientCapabilities=CAP_NET_BIND_SERVICE in a unit of systemd, or setcap"},
		{syscall.EADDRINUSE, "; is another program on this port? Choose another with --listen"},
		{syscall.EADDRNOTAVAIL, "; no interface of this machine has that address. Choose another with --listen"},
		{syscall.EMFILE, "; Choose another with --listen"},
	} {
		err := bindError("listen.address", &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", tc.cause)}, "Choose another with --listen")
		if got := err.Error(); !strings.HasPrefix(got, "listen.address: listen tcp: bind: ") || !strings.Contains(got, tc.want) {
			t.Errorf("%v: got %q, want %q", tc.cause, got, tc.want)
		}
	}
}
