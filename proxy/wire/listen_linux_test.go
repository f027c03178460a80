//go:build linux && !portable

package wire

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestAnAcceptedConnectionInheritsItsOptions holds what Listen relies on.
func TestAnAcceptedConnectionInheritsItsOptions(t *testing.T) {
	address, own, sides := listen(t, startLoop(t))
	defer own.Close()
	dial(t, address)
	s := <-sides
	for _, tc := range []struct {
		name                string
		level, option, want int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveSeconds},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveSeconds},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
	} {
		var got int
		var err error
		s.do(func(c *Conn) { got, err = unix.GetsockoptInt(c.fd, tc.level, tc.option) })
		if got != tc.want || err != nil {
			t.Errorf("%s is %d (%v), want %d", tc.name, got, err, tc.want)
		}
	}
}
