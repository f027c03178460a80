//go:build e2e

package faults

import (
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
)

// TestStaleKeepAliveUnderLoad: an upstream closes its connections whenever it
// likes. No POST runs twice, each answer belongs to its asker, and where one is
// lost, the client is told that it was, and not to repeat it.
func TestStaleKeepAliveUnderLoad(t *testing.T) {
	s := start(t, sides{}, func(*load.Settings) {})
	s.Load.Mood(load.Fickle)
	c := s.Load.Gather(100, &load.Posts, map[string]int{"upstream_closed_early": 502})
	t.Cleanup(c.Halt)
	s.await(c, "complete", 1500, "the upstream closing as it likes")
	s.await(c, "upstream_closed_early", 20, "the upstream closing as it likes")
	c.Halt()
	t.Log(c)
	s.wantCounters()
	s.drained(s.ledger.CheckStrangers, s.ledger.CheckNameless)
}
