package upstream

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

func addresses(list string) (addrs []netip.Addr) {
	for _, a := range strings.Fields(list) {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs
}

func TestInTurn(t *testing.T) {
	for _, tc := range []struct {
		name, resolved string
		want           []string // in the first, second ... dial
	}{
		{"one address", "10.0.0.1", []string{"10.0.0.1", "10.0.0.1"}},
		{"each begins in turn", "10.0.0.1 10.0.0.2 10.0.0.3", []string{
			"10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.2 10.0.0.3 10.0.0.1", "10.0.0.3 10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.2 10.0.0.3",
		}},
		{"families alternate, the resolver's first one begins", "fd00::1 fd00::2 10.0.0.1 10.0.0.2 10.0.0.3", []string{
			"fd00::1 10.0.0.1 fd00::2 10.0.0.2 10.0.0.3", "fd00::2 10.0.0.2 fd00::1 10.0.0.3 10.0.0.1",
		}},
		{"IPv4 is preferred", "10.0.0.1 fd00::1 10.0.0.2", []string{"10.0.0.1 fd00::1 10.0.0.2", "10.0.0.2 fd00::1 10.0.0.1"}},
		{"IPv4 in the clothes of IPv6", "::ffff:10.0.0.1 fd00::1", []string{"10.0.0.1 fd00::1"}},
		{"one that is named twice", "::ffff:10.0.0.1 10.0.0.1 fd00::1", []string{"10.0.0.1 fd00::1", "10.0.0.1 fd00::1"}},
		{"none", "", []string{""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for turn, want := range tc.want {
				if got := inTurn(addresses(tc.resolved), uint64(turn)); !slices.Equal(got, addresses(want)) {
					t.Errorf("inTurn(%s, %d) = %v, want %s", tc.resolved, turn, got, want)
				}
			}
		})
	}
}

// TestADialLooksTheNameUp holds that each dial asks the resolver, begins with another
// of the addresses, and goes on where one refuses.
func TestADialLooksTheNameUp(t *testing.T) {
	s := startServer(t)
	_, port, _ := net.SplitHostPort(s.address)
	p := startUpstream(t, 1, Options{Address: "legacy.test:" + port, MaxIdle: 8})
	var mu sync.Mutex
	asked, resolved := []string{}, "127.0.0.1"
	p.lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, host)
		if resolved == "" {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return addresses(resolved), nil
	}
	moves := func(to string) {
		mu.Lock()
		defer mu.Unlock()
		resolved = to
	}
	discard(p.mustDial(0))
	moves("127.0.0.2 127.0.0.1") // nobody listens at the first
	for range 2 {
		c := p.mustDial(0)
		c.Loop().Do(func() {
			if c.Left() {
				t.Error("the connection is dead")
			}
		})
		discard(c)
	}
	moves("")
	if _, err := p.dial(0); edgeerr.CodeOf(err) != edgeerr.UpstreamUnresolved {
		t.Errorf("Dial = %v, want %v", err, edgeerr.UpstreamUnresolved)
	}
	moves("127.0.0.2")
	if _, err := p.dial(0); edgeerr.CodeOf(err) != edgeerr.UpstreamConnectFailed {
		t.Errorf("Dial = %v, want %v", err, edgeerr.UpstreamConnectFailed)
	}
	if want := slices.Repeat([]string{"legacy.test"}, 5); !slices.Equal(asked, want) {
		t.Errorf("the resolver was asked for %q, want %q", asked, want)
	}
}
