//go:build e2e

package faults

import (
	"fmt"
	"syscall"
	"testing"
)

// TestDrainUnderLoad: SIGTERM in the middle of the load. What is under way ends
// whole or visibly cut, what comes later is refused, each exchange that has begun
// has its access line, and the edge goes by itself.
func TestDrainUnderLoad(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, "")
			b := s.load(*crowd)
			b.await("complete", *crowd, "before the drain")
			// Pooled connections that the upstream closes die as they do at any time.
			b.codes = map[string]int{"edge_draining": 503, "upstream_head_timeout": 504, "upstream_closed_early": 502}
			b.mayFail.Store(true)
			s.signal(syscall.SIGTERM)
			b.await("refused", *crowd, "the edge having drained")
			s.gone()
			b.halt()
			t.Log(b.seen)

			s.up.wantQuiet()
			b.report(b.faults)
			b.wantUpstream(s.up)
			b.wantLines(s.edge, s.up)
			stopped, left := s.log("stopped"), 0
			for _, x := range s.log("exchange") {
				if x.Cause == "drain_aborted" {
					left++
				}
			}
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
			s := l.stage(t, "")
			address := s.clients
			s.extra = fmt.Sprintf("listen: {address: %q}\n", address)
			if s.secure != nil {
				id := s.up.id
				s.extra = fmt.Sprintf("listen: {address: %q, tls: {cert_file: %q, key_file: %q}}\n", address, id.CertFile, id.KeyFile)
			}
			s.write(loadConfig(s.up, 0) + s.extra)
			before := s.quiet()
			b := s.load(*crowd)
			b.mayFail.Store(true)
			for range 3 {
				b.await("complete", *crowd, "before the kill")
				s.edge.kill()
				b.await("refused", *crowd/10, "the edge being dead")
				s.run()
			}
			b.await("complete", *crowd, "behind the last start")
			b.halt()
			t.Log(b.seen)

			s.up.wantQuiet()
			s.wantQuiet(before)
			b.report(b.faults)
			b.wantUpstream(s.up)
			s.drained()
			lines := map[string]int{}
			for _, l := range s.log("exchange") {
				if lines[l.RequestID]++; lines[l.RequestID] > 1 && l.RequestID != "" {
					t.Errorf("%d access lines for %s", lines[l.RequestID], l.RequestID)
				}
			}
		})
	}
}
