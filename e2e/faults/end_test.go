//go:build e2e

package faults

import (
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestDrainUnderLoad: SIGTERM in the middle of the load. What is under way ends
// whole or visibly cut, what comes later is refused, each exchange that has begun
// has its access line, and the edge goes by itself.
func TestDrainUnderLoad(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, bounds, "")
			// Pooled connections that the upstream closes die as they do at any time.
			c := s.gather(*crowd, map[string]int{"edge_draining": 503, "upstream_head_timeout": 504, "upstream_closed_early": 502})
			s.await(c, "complete", *crowd, "before the drain")
			c.MayFail.Store(true)
			s.signal(syscall.SIGTERM)
			s.await(c, "refused", *crowd, "the edge having drained")
			<-s.Exited()
			c.Halt()
			t.Log(c)

			s.wantQuietUpstream()
			s.drained(s.ledger.CheckStrangers)
			stopped, left := s.Lines("stopped"), s.ledger.Causes()["drain_aborted"]
			// What the drain has cut are streams that would never have ended.
			if len(stopped) != 1 || stopped[0].Aborted == 0 || left == 0 {
				t.Errorf("stopped: %+v, %d lines with drain_aborted; want some that were cut", stopped, left)
			}
		})
	}
}

// TestEdgeKilledUnderLoad: SIGKILL of the edge in the middle of the load. No
// client takes half an answer for a whole one, the upstream sees each request
// end, and a new process serves at once.
func TestEdgeKilledUnderLoad(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, bounds, "")
			s.Settings.Listen = s.Address()
			testkit.Must(t, s.Settings.Write())
			before := s.quiet()
			c := s.gather(*crowd, expectedCodes)
			c.MayFail.Store(true)
			c.Killed.Store(true)
			for range 3 {
				s.await(c, "complete", *crowd, "before the kill")
				s.Kill()
				s.await(c, "refused", *crowd/10, "the edge being dead")
				s.run()
			}
			s.await(c, "complete", *crowd, "behind the last start")
			c.Halt()
			t.Log(c)

			s.wantQuiet(before)
			s.drained() // no exchange has two lines
		})
	}
}
