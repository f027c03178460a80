package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheNameMoves asks as a program does, with Go's own resolver.
func TestTheNameMoves(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	testkit.Must(t, err)
	defer conn.Close()
	first, second := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")
	s, err := Serve(conn, "upstream.test", first)
	testkit.Must(t, err)
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	for _, want := range []netip.Addr{first, second} {
		s.Point(want)
		if got, err := resolver.LookupNetIP(t.Context(), "ip", "upstream.test."); err != nil || !slices.Equal(got, []netip.Addr{want}) {
			t.Errorf("upstream.test is %v, %v, want %v", got, err, want)
		}
	}
	var missing *net.DNSError
	if got, err := resolver.LookupNetIP(t.Context(), "ip", "other.test."); !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("other.test is %v, %v", got, err)
	}
}
