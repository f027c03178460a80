package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

var errRefused, errUnreachable = errors.New("refused"), errors.New("unreachable")

// TestRace holds which addresses are tried, when, and what comes of it.
func TestRace(t *testing.T) {
	const never = time.Hour
	type end struct {
		after time.Duration
		err   error
	}
	ok := func(after time.Duration) end { return end{after, nil} }
	for _, tc := range []struct {
		name  string
		ends  []end
		bound time.Duration
		tried int
		took  time.Duration
		want  error
	}{
		{"the first answers", []end{ok(headStart - 1), ok(0)}, never, 1, headStart - 1, nil},
		{"the first is silent", []end{ok(never), ok(0)}, never, 2, headStart, nil},
		{"the first is slow, but still the faster", []end{ok(headStart + 1), ok(never)}, never, 2, headStart + 1, nil},
		{"the first refuses: the next one is tried at once", []end{{0, errRefused}, ok(0)}, never, 2, 0, nil},
		{"all refuse: the first is told of", []end{{1, errRefused}, {0, errUnreachable}}, never, 2, 1, errRefused},
		{"a silent one does not keep a failure from the next", []end{ok(never), {0, errRefused}, ok(0)}, never, 3, headStart, nil},
		{"all are silent", []end{ok(never), ok(never)}, time.Second, 2, time.Second, context.DeadlineExceeded},
		{"one alone", []end{{3, errRefused}}, never, 1, 3, errRefused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.bound)
				defer cancel()
				var tried atomic.Int32
				begun := time.Now()
				var ends []netip.Addr
				for i := range tc.ends {
					ends = append(ends, netip.AddrFrom4([4]byte{byte(i)}))
				}
				c, err := race(ctx, ends, func(ctx context.Context, a netip.Addr) (*net.TCPConn, error) {
					e := tc.ends[a.As4()[0]]
					tried.Add(1)
					select {
					case <-time.After(e.after):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					if e.err != nil {
						return nil, e.err
					}
					return &net.TCPConn{}, nil
				})
				if !errors.Is(err, tc.want) || (err == nil) != (c != nil) {
					t.Errorf("race = %v, %v, want error %v", c, err, tc.want)
				}
				if took := time.Since(begun); took != tc.took || int(tried.Load()) != tc.tried {
					t.Errorf("%d ends were tried in %v, want %d in %v", tried.Load(), took, tc.tried, tc.took)
				}
			})
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
