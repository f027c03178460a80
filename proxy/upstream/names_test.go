package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// A dns is a resolver that says what the test wants, and how late.
type dns struct {
	mu    sync.Mutex
	says  string // addresses, or one of the words below
	after time.Duration
	asked int
}

func (d *dns) will(say string, after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.says, d.after = say, after
}

func (d *dns) times() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *dns) lookup(ctx context.Context, _, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	says, after := d.says, d.after
	d.asked++
	d.mu.Unlock()
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	switch says {
	case "servfail":
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	case "refused":
		return nil, &net.DNSError{Err: "server misbehaving", Name: host}
	case "unreachable":
		return nil, errors.New("dial udp: network is unreachable")
	case "nxdomain":
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addresses(says), nil
}

// TestAnOldAnswerServesWhereDNSFails holds what a dial gets from a name that once had
// 10.0.0.1, how long it takes, and whether the operator is told.
func TestAnOldAnswerServesWhereDNSFails(t *testing.T) {
	const connect = 20 * time.Second
	for _, tc := range []struct {
		name  string
		says  string
		after time.Duration // how late DNS is
		later time.Duration // than the old answer
		want  string
		took  time.Duration
		told  bool
	}{
		{"it answers", "10.0.0.2", 0, time.Minute, "10.0.0.2", 0, false},
		{"it answers in good time", "10.0.0.2", slowLookup - 1, time.Minute, "10.0.0.2", slowLookup - 1, false},
		{"SERVFAIL", "servfail", 3, time.Minute, "10.0.0.1", 3, true},
		{"REFUSED", "refused", 3, time.Minute, "10.0.0.1", 3, true},
		{"no way to DNS", "unreachable", 0, time.Minute, "10.0.0.1", 0, true},
		{"it is slow", "10.0.0.2", 2 * slowLookup, time.Minute, "10.0.0.1", slowLookup, true},
		{"it says nothing", "", time.Hour, time.Minute, "10.0.0.1", slowLookup, true},
		{"no such name: that is an answer", "nxdomain", 0, time.Minute, "no such host", 0, false},
		{"no address: so is that", "", 0, time.Minute, "no address", 0, false},
		{"almost a day later", "servfail", 0, oldest - 1, "10.0.0.1", 0, true},
		{"a day later", "servfail", 0, oldest, "server misbehaving", 0, false},
		{"a day later it says nothing", "", time.Hour, oldest, "no answer in time", connect, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &dns{says: "10.0.0.1"}
				u, told := withDNS(d, connect)
				if got, took := resolved(t, u); got != "10.0.0.1" || took != 0 {
					t.Fatalf("at first the name has %s after %v", got, took)
				}
				d.will(tc.says, tc.after)
				time.Sleep(tc.later)
				if got, took := resolved(t, u); !strings.Contains(got, tc.want) || took != tc.took {
					t.Errorf("the name has %s after %v, want %s after %v", got, took, tc.want, tc.took)
				}
				if n := u.Stats.OldAnswers.Load(); (n == 1) != tc.told || len(*told) != int(n) {
					t.Errorf("%d dials by an old answer are counted, told of: %q, want %v", n, *told, tc.told)
				}
				if tc.told && !strings.HasPrefix((*told)[0], fmt.Sprintf("legacy %v ", tc.later)) {
					t.Errorf("told of %q", (*told)[0])
				}
				time.Sleep(lookupLimit)
			})
		})
	}
}

// withDNS returns an upstream, and what it tells of old answers.
func withDNS(d *dns, connect time.Duration) (u *Upstream, told *[]string) {
	told = &[]string{}
	u = New(Options{Name: "legacy", Connect: connect, OnOldAnswer: func(name string, age time.Duration, why error) {
		*told = append(*told, fmt.Sprint(name, " ", age, " ", why))
	}}, nil)
	u.lookup = d.lookup
	return u, told
}

// resolved returns the addresses of the name, or the error, and how long that took.
func resolved(t *testing.T, u *Upstream) (got string, took time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), u.Connect)
	defer cancel()
	begun := time.Now()
	addrs, err := u.resolve(ctx, "legacy.test")
	if took = time.Since(begun); err != nil {
		if code := edgeerr.CodeOf(u.explain(err)); code != edgeerr.UpstreamUnresolved {
			t.Errorf("%v is %v", err, code)
		}
		return err.Error(), took
	}
	return strings.Trim(fmt.Sprint(addrs), "[]"), took
}

// TestASlowLookupIsWaitedForOnce holds that dials which begin while DNS says nothing pay
// for that together, that the answer is taken when it comes, and that a name which
// does not exist any more leaves nothing to fall back on.
func TestASlowLookupIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dns{says: "10.0.0.1"}
		u, _ := withDNS(d, 20*time.Second)
		_, _ = resolved(t, u)
		d.will("10.0.0.2", 5*time.Second)
		var waited time.Duration
		for range 9 {
			got, took := resolved(t, u)
			if waited += took; got != "10.0.0.1" {
				t.Errorf("the name has %s", got)
			}
		}
		if asked := d.times(); waited != slowLookup || asked != 2 {
			t.Errorf("9 dials waited for %v, and DNS was asked %d times; want %v, 2", waited, asked, slowLookup)
		}
		time.Sleep(5 * time.Second)
		d.will("servfail", 0)
		if got, _ := resolved(t, u); got != "10.0.0.2" {
			t.Errorf("the name has %s, want what the slow lookup brought", got)
		}
		for _, says := range []string{"nxdomain", "servfail"} {
			d.will(says, 0)
			if got, _ := resolved(t, u); strings.HasPrefix(got, "10.") {
				t.Errorf("DNS says %s, and the name has %s", says, got)
			}
		}
	})
}

// TestADepartureSaysNothingOfDNS holds that a client which leaves during a lookup is no
// fault of DNS, and that an address is not asked for.
func TestADepartureSaysNothingOfDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dns{says: "10.0.0.1"}
		u, told := withDNS(d, 20*time.Second)
		_, _ = resolved(t, u)
		d.will("10.0.0.1", time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(slowLookup/2, cancel)
		if addrs, err := u.resolve(ctx, "legacy.test"); err == nil || len(*told) > 0 || u.Stats.OldAnswers.Load() > 0 {
			t.Errorf("the name has %v, %v; told of %q", addrs, err, *told)
		}
		for _, literal := range []string{"10.0.0.2", "fd00::2", "fe80::1%eth0"} {
			if addrs, err := u.resolve(t.Context(), literal); err != nil || !slices.Equal(addrs, addresses(literal)) {
				t.Errorf("%s has %v, %v", literal, addrs, err)
			}
		}
		if asked := d.times(); asked != 2 {
			t.Errorf("DNS was asked %d times, want 2", asked)
		}
		time.Sleep(lookupLimit)
	})
}

// TestAShortConnectIsNotSpentOnDNS holds that most of it is left for the dial.
func TestAShortConnectIsNotSpentOnDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dns{says: "10.0.0.1"}
		u, _ := withDNS(d, 400*time.Millisecond)
		_, _ = resolved(t, u)
		d.will("10.0.0.2", time.Hour)
		if got, took := resolved(t, u); got != "10.0.0.1" || took != 100*time.Millisecond {
			t.Errorf("the name has %s after %v", got, took)
		}
		time.Sleep(lookupLimit)
	})
}

// TestADialNotesADeadAddress holds, with sockets, that a dial which meets one is served by
// the other, and that the next dials know.
func TestADialNotesADeadAddress(t *testing.T) {
	s := startServer(t)
	_, port, _ := net.SplitHostPort(s.address)
	p := startUpstream(t, 1, Options{Address: "legacy.test:" + port, MaxIdle: 8})
	p.lookup = (&dns{says: "127.0.0.1 127.0.0.2"}).lookup // nobody listens at the second
	for range 4 {
		discard(p.mustDial(0))
	}
	if _, is := p.aside.until[netip.MustParseAddr("127.0.0.2")]; !is || len(p.aside.until) != 1 {
		t.Errorf("set aside: %v", p.aside.until)
	}
}

// TestADialBeginsWithAGoodAddress holds that what is noted decides where dials go.
func TestADialBeginsWithAGoodAddress(t *testing.T) {
	port, accepted := everywhere(t)
	p := startUpstream(t, 1, Options{Address: "legacy.test:" + port, MaxIdle: 8})
	p.lookup = (&dns{says: "127.0.0.1 127.0.0.2 127.0.0.3"}).lookup
	p.aside.until = map[netip.Addr]time.Time{netip.MustParseAddr("127.0.0.2"): time.Now().Add(time.Hour)}
	where := map[string]int{}
	for range 12 {
		discard(p.mustDial(0))
		where[accepted()]++
	}
	if where["127.0.0.2"] > 0 || where["127.0.0.1"] == 0 || where["127.0.0.3"] == 0 {
		t.Errorf("12 connections went to %v; the second is set aside", where)
	}
}

// TestAConnectionFollowsItsName holds what max_age is for: a connection to where the name
// was serves until then, and its successor goes where the name is now.
func TestAConnectionFollowsItsName(t *testing.T) {
	const age = 10 * time.Minute
	port, accepted := everywhere(t)
	p := startUpstream(t, 1, Options{Address: "legacy.test:" + port, MaxIdle: 8, MaxAge: age, KeepAlive: 2 * age})
	now, d := p.stand(0), &dns{says: "127.0.0.1"}
	p.lookup = d.lookup
	c := p.mustDial(0)
	if got := accepted(); got != "127.0.0.1" {
		t.Errorf("the first connection goes to %s", got)
	}
	d.will("127.0.0.2", 0)
	keep(c)
	now.Add(int64(age - 1))
	if p.pooled(0) != c {
		t.Fatal("a connection ends before its age because its name has moved")
	}
	keep(c)
	now.Add(1)
	if p.pooled(0) != nil {
		t.Error("a connection past its age is used")
	}
	p.wantCounts(0, 0)
	discard(p.mustDial(0))
	if got := accepted(); got != "127.0.0.2" {
		t.Errorf("its successor goes to %s", got)
	}
}

// everywhere listens on a port of every address. accepted returns to which of them the
// next connection came.
func everywhere(t *testing.T) (port string, accepted func() string) {
	t.Helper()
	l, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func() string {
		t.Helper()
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = far.Close() })
		host, _, _ := net.SplitHostPort(far.LocalAddr().String())
		return host
	}
}
