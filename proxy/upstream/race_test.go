package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errRefused, errUnreachable = errors.New("refused"), errors.New("unreachable")

// TestRace holds which addresses are tried, when, what comes of it, and what is noted of
// each: + for one that is well, - for one that is not. Nothing is noted of one that the
// end of the race cuts short.
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
		noted string
		want  error
	}{
		{"the first answers", []end{ok(headStart - 1), ok(0)}, never, 1, headStart - 1, "+0", nil},
		{"the first is silent", []end{ok(never), ok(0)}, never, 2, headStart, "+1 -0", nil},
		{"the first is slow, but still the faster", []end{ok(headStart + 1), ok(never)}, never, 2, headStart + 1, "+0", nil},
		{"the first refuses: the next one is tried at once", []end{{0, errRefused}, ok(0)}, never, 2, 0, "-0 +1", nil},
		{"all refuse: the first is told of", []end{{1, errRefused}, {0, errUnreachable}}, never, 2, 1, "-0 -1", errRefused},
		{"a silent one does not keep a failure from the next", []end{ok(never), {0, errRefused}, ok(0)}, never, 3, headStart, "-1 +2 -0", nil},
		{"all are silent", []end{ok(never), ok(never)}, time.Second, 2, time.Second, "-0 -1", context.DeadlineExceeded},
		{"a late one had no head start of its own", []end{ok(headStart + 10), {headStart + 5, errRefused}, ok(never)}, never, 2, headStart + 10, "+0", nil},
		{"one that was overtaken, but within its head start", []end{{headStart + 10, errRefused}, ok(never), ok(40)}, never, 3, headStart + 50, "-0 +2", nil},
		{"all are as slow: none is to blame", []end{ok(3 * headStart), ok(3 * headStart), ok(3 * headStart)}, never, 3, 3 * headStart, "+0", nil},
		{"one alone", []end{{3, errRefused}}, never, 1, 3, "-0", errRefused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.bound)
				defer cancel()
				var tried atomic.Int32
				begun := time.Now()
				var noted []string
				note := func(end netip.Addr, err error) {
					sign := "+"
					if err != nil {
						sign = "-"
					}
					noted = append(noted, fmt.Sprint(sign, end.As4()[0]))
				}
				var ends []netip.Addr
				for i := range tc.ends {
					ends = append(ends, netip.AddrFrom4([4]byte{byte(i)}))
				}
				c, err := race(ctx, ends, note, func(ctx context.Context, a netip.Addr) (*net.TCPConn, error) {
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
				synctest.Wait()
				if got := strings.Join(noted, " "); got != tc.noted {
					t.Errorf("noted %q, want %q", got, tc.noted)
				}
				if took := time.Since(begun); took != tc.took || int(tried.Load()) != tc.tried {
					t.Errorf("%d ends were tried in %v, want %d in %v", tried.Load(), took, tc.tried, tc.took)
				}
			})
		})
	}
}

// TestADepartureSaysNothingOfAddresses holds that nothing is noted where nobody waited for
// the end.
func TestADepartureSaysNothingOfAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		note := func(end netip.Addr, err error) { t.Errorf("noted of %v: %v", end, err) }
		time.AfterFunc(2*headStart+1, cancel)
		_, err := race(ctx, addresses("10.0.0.1 10.0.0.2"), note, func(ctx context.Context, _ netip.Addr) (*net.TCPConn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("race: %v", err)
		}
	})
}
