//go:build linux

package upstream

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// TestADialedConnectionIsProbed holds that an upstream that has gone without a word is
// noticed while it is waited for.
func TestADialedConnectionIsProbed(t *testing.T) {
	l := testkit.Listen(t)
	c, err := dialTCP(context.Background(), netip.MustParseAddrPort(l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's end
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	want := wire.KeepAlive()
	for _, tc := range []struct {
		name                string
		level, option, want int
	}{
		{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(want.Idle / time.Second)},
		{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(want.Interval / time.Second)},
		{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, want.Count},
	} {
		var got int
		if cerr := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), tc.level, tc.option) }); cerr != nil || err != nil {
			t.Fatal(cerr, err)
		}
		if got != tc.want {
			t.Errorf("%s is %d, want %d", tc.name, got, tc.want)
		}
	}
}
