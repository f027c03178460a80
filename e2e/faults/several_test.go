//go:build e2e

package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestSeveralUpstreamsUnderLoad: two upstreams throttle, are unavailable, die, hang and
// come back, one after the other, while a crowd works. No POST runs twice, nobody gets
// another's answer, and a request fails only where it must not be moved: it had been
// begun where the upstream died, it names what is on one upstream, or it is too large to
// be held. Each upstream is asked again once it is well.
func TestSeveralUpstreamsUnderLoad(t *testing.T) {
	for _, tc := range []struct {
		name    string
		bridged bool   // one upstream speaks legacy, the other one v1
		key     string // what the upstreams are shown: then 429 is for all callers
	}{
		{"keys of the callers", false, ""},
		{"keys of the edge", false, "key-of-the-edge"},
		{"across the bridge", true, "key-of-the-edge"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, members := severalStage(t, tc.bridged, tc.key)
			before := s.quiet()
			c := s.gatherOf(*crowd/4, &load.Spread, inTime)
			s.await(c, "complete", *crowd/4, "before any fault")
			for begun, i := time.Now(), 0; i < 2*len(memberFaults) || time.Since(begun) < *loadFor; i++ {
				s.strike(&memberFaults[i/2%len(memberFaults)], members, i%2, c)
			}
			c.Halt()
			t.Log(c, "moved:", s.ledger.Moved())
			for _, why := range []string{"429", "503", "upstream_connect_failed"} {
				if s.ledger.Moved()[why] == 0 {
					t.Errorf("no request was moved behind %s: the load was none", why)
				}
			}
			for _, u := range members[1:] {
				if err := u.AwaitQuiet(); err != nil {
					t.Error(err)
				}
			}
			s.wantQuiet(before)
			s.wantCounters()
			s.drained(s.ledger.CheckStrangers, s.ledger.CheckNameless)
		})
	}
}

// inTime are the errors of an upstream that takes too long, which it may do at any time
// on a machine that is busy: what it has been sent may run.
var inTime = map[string]int{"upstream_head_timeout": 504, "upstream_stalled": 504}

// severalStage is an edge whose route has two upstreams.
func severalStage(t *testing.T, bridged bool, key string) (*stage, []*load.Upstream) {
	t.Helper()
	var other *load.Upstream
	s := start(t, sides{}, func(settings *load.Settings) {
		first := settings.Legs[0].Upstream
		var err error
		if other, err = first.Another(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(other.Kill)
		first.Key, other.Key = key, key
		settings.Legs = []*load.Leg{{Name: "several", Upstream: first, Others: []*load.Upstream{other}, Bridged: bridged}}
		settings.Upstream = ", breaker: {failures: 5, within: 30s, open: 1s}"
	})
	return s, []*load.Upstream{s.up, other}
}

// memberFault is one thing that happens to one of several upstreams.
type memberFault struct {
	name       string
	begin, end func(*stage, *load.Upstream)
	seen       string // what clients see of it, those that cannot be moved
}

func refuses(status int) memberFault {
	return memberFault{
		fmt.Sprint(status), func(_ *stage, u *load.Upstream) { u.Refuse(status) },
		func(_ *stage, u *load.Upstream) { u.Serve() }, "",
	}
}

func comesBack(s *stage, u *load.Upstream) {
	testkit.Must(s.t, u.Start())
}

var memberFaults = []memberFault{
	refuses(429),
	{"dead", func(_ *stage, u *load.Upstream) { u.Kill() }, comesBack, ""},
	refuses(503),
	{"hung", func(_ *stage, u *load.Upstream) { u.Stop() }, func(_ *stage, u *load.Upstream) { u.Continue() }, "upstream_head_timeout"},
	{"restarted", func(s *stage, u *load.Upstream) {
		testkit.Must(s.t, u.Restart(100*time.Millisecond))
	}, func(*stage, *load.Upstream) {}, ""},
}

// strike lets one upstream suffer until the other one has done the work for a while, and
// waits until both do it again.
func (s *stage) strike(f *memberFault, members []*load.Upstream, which int, c *load.Crowd) {
	s.t.Helper()
	struck, other := members[which], members[1-which]
	failed := c.Count(f.seen)
	f.begin(s, struck)
	if f.seen != "" {
		s.reach(c, f.seen, failed+5, "one of two upstreams being "+f.name)
	}
	s.works(c, other, fmt.Sprintf("upstream %d being %s", which, f.name))
	f.end(s, struck)
	s.works(c, struck, fmt.Sprintf("upstream %d having been %s", which, f.name))
	s.works(c, other, fmt.Sprintf("upstream %d having been %s", which, f.name))
}

// works waits until an upstream has given many answers: it is asked as if nothing had
// been. What it finds when it wakes up, whose clients have gone, is not counted.
func (s *stage) works(c *load.Crowd, u *load.Upstream, while string) {
	s.t.Helper()
	name := s.Settings.Legs[0].NameOf(u)
	served := s.ledger.Served(name)
	s.await(c, "complete", *crowd/2, while)
	if !eventually(s.t, "an upstream to answer, "+while, func() bool { return s.ledger.Served(name) >= served+*crowd/4 }) {
		s.report()
		s.t.FailNow()
	}
}
