//go:build e2e

package faults

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestBeyondTheLimits: more clients than a limit allows. Those beyond it get 503
// with Retry-After, the others are served, and the upstream never sees more at a
// time than the limit says.
func TestBeyondTheLimits(t *testing.T) {
	const clients, limit = 200, 20
	for _, tc := range []struct {
		name, more, upstream, code string
		most                       func(*upstream) int
	}{
		{"limits.connections", "limits: {connections: 20}\n", "", "edge_overloaded", func(u *upstream) int { return u.most.exchanges }},
		{"limits.exchanges", "limits: {exchanges: 20}\n", "", "edge_overloaded", func(u *upstream) int { return u.most.exchanges }},
		{"max_connections", "", "max_connections: 20, ", "upstream_unavailable", func(u *upstream) int { return u.most.conns }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := limited(t, tc.more, tc.upstream)
			before := s.quiet()
			b := s.load(clients)
			b.codes = map[string]int{tc.code: 503, "upstream_head_timeout": 504, "upstream_closed_early": 502}
			b.await(tc.code, 100, "more clients than "+tc.name)
			b.await("complete", 100, "more clients than "+tc.name)
			b.halt()
			t.Log(b.seen)
			s.up.wantQuiet()
			s.wantQuiet(before)
			b.report(b.faults)
			b.wantUpstream(s.up)
			b.wantCounters(s.edge)
			s.drained()
			b.wantLines(s.edge, s.up)
			// An exchange that its client has left, and that has been cut, ends at
			// the upstream a little later than at the edge.
			if most := tc.most(s.up); most == 0 || most > 2*limit {
				t.Errorf("the upstream had %d at a time, the limit is %d", most, limit)
			}
		})
	}
}

// TestMemoryStaysWithinItsBound holds what docs/operations.md says about the size
// of a container: 64 MiB, and 160 KiB for each of limits.connections, are enough
// for whatever clients do.
func TestMemoryStaysWithinItsBound(t *testing.T) {
	t.Parallel()
	const connections, container = 400, 64<<20 + 400*160<<10
	s := limited(t, fmt.Sprintf("limits: {connections: %d}\n", connections), "")
	s.edge.kill()
	s.run(fmt.Sprintf("export GOMEMLIMIT=%d", container/10*9)) // as in a container of that size
	if lines := s.log("memory limit"); len(lines) != 1 {
		t.Errorf("the log says %+v about the memory limit", lines)
	}
	before := s.quiet()
	for range 3 {
		var placed sync.WaitGroup
		placed.Add(2 * connections)
		s.abuse(2*connections, func(a *abuser) error {
			a.floodMemory()
			placed.Done()
			placed.Wait()
			return nil // refused, or held as long as the others
		})
	}
	t.Logf("%d KiB at most, %d in the bound, %v", s.memory("VmHWM")>>10, container>>10, s.causes())
	if most := s.memory("VmHWM"); most > container {
		t.Errorf("%d KiB, want %d KiB at most", most>>10, container>>10)
	}
	if s.causes()["edge_overloaded"] == 0 {
		t.Error("no connection was refused: the flood was none")
	}
	s.up.wantQuiet()
	s.wantQuiet(before)
	s.others("the flood being over")
	s.drained()
}

// floodMemory does what takes memory, for as long as the edge lets it.
func (a *abuser) floodMemory() {
	_ = a.SetWriteDeadline(time.Now().Add(time.Second))
	giant := "X: " + strings.Repeat("x", 60<<10) + "\r\n"
	switch a.number % 5 {
	case 0: // most of a head
		_ = a.say(a.head("POST", workFixed) + giant)
	case 1: // a giant head that waits for its answer
		_ = a.say(a.head("GET", workSilent+" 1") + giant + "\r\n")
	case 2: // an answer that is not read
		_ = a.say(a.head("GET", workTorrent+" 64") + "\r\n")
	case 3: // a body that does not go on
		_ = a.say(a.head("POST", workFixed+" 1") + giant + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 50<<10))
	case 4: // preflights whose answers are not read
		one := a.head("OPTIONS", "") + giant + "Origin: " + page + "\r\nAccess-Control-Request-Method: POST\r\n\r\n"
		_ = a.say(strings.Repeat(one, 10))
	}
}
