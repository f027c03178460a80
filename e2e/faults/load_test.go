//go:build e2e

package faults

import (
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// expectedCodes are the errors that the faults of the upstream explain.
var expectedCodes = map[string]int{
	"upstream_connect_failed": 502, "upstream_closed_early": 502, "upstream_invalid_response": 502,
	"upstream_head_timeout": 504, "upstream_stalled": 504, "upstream_connect_timeout": 504, "upstream_tls_failed": 502,
}

// fault is one thing that happens to the upstream, and what clients see of it.
type fault struct {
	name  string
	begin func(*stage)
	seen  []string // outcomes to wait for before it ends
	end   func(*stage)
}

func inMood(mood string, seen ...string) fault {
	return fault{mood, func(s *stage) { s.Load.Mood(mood) }, seen, func(s *stage) { s.Load.Mood(load.Calm) }}
}

func startUpstream(s *stage) {
	testkit.Must(s.t, s.up.Start())
}

var upstreamFaults = []fault{
	inMood(load.Slowly, "complete"),
	inMood(load.Truncating, "cut", "upstream_closed_early"),
	{"killed", func(s *stage) { s.up.Kill() }, []string{"upstream_connect_failed"}, startUpstream},
	inMood(load.Babbling, "upstream_invalid_response", "cut"),
	{"hung", func(s *stage) { s.up.Stop() }, []string{"upstream_head_timeout", "cut"}, func(s *stage) { s.up.Continue() }},
	inMood(load.Closing, "upstream_closed_early"),
	{"restarted", func(s *stage) { s.up.Kill(); startUpstream(s) }, []string{"complete"}, func(*stage) {}},
}

// reloads changes the configuration every second, sometimes to nonsense.
func (s *stage) reloads(stop <-chan struct{}) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-every.C:
		}
		if _, err := s.Reload(i); err != nil {
			s.t.Error(err)
		}
	}
}

// suffer lets the fault last until clients have seen what comes of it.
func (s *stage) suffer(f fault, c *load.Crowd) {
	s.t.Helper()
	before := map[string]int{}
	for _, outcome := range f.seen {
		before[outcome] = c.Count(outcome)
	}
	f.begin(s)
	for _, outcome := range f.seen {
		s.reach(c, outcome, before[outcome]+5, "the upstream being "+f.name)
	}
	f.end(s)
}

// TestFaultsUnderLoad: whatever happens to the upstream, the configuration and the
// clients, each answer is its asker's, whole or visibly cut; credentials go where
// they belong; nothing runs twice; each exchange leaves one access line, the
// counters say the same, each departure reaches the upstream, and in the end
// nothing is left.
func TestFaultsUnderLoad(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, bounds, "")
			before := s.quiet()
			c := s.gather(*crowd, expectedCodes)
			go s.reloads(c.Stopped())
			s.await(c, "complete", *crowd, "before any fault")
			for begun, i := time.Now(), 0; i < len(upstreamFaults) || time.Since(begun) < *loadFor; i++ {
				f := upstreamFaults[i%len(upstreamFaults)]
				s.suffer(f, c)
				s.await(c, "complete", *crowd/2, "the upstream having been "+f.name)
			}
			c.Halt()
			t.Log(c, "reloads:", s.Count("reloaded"))
			if s.Count("reloaded") == 0 || s.Count("reload failed") == 0 {
				t.Errorf("%d reloads, %d failed: want both", s.Count("reloaded"), s.Count("reload failed"))
			}
			s.wantQuiet(before)
			s.wantCounters()
			s.drained(s.ledger.CheckStrangers, s.ledger.CheckNameless)
		})
	}
}
