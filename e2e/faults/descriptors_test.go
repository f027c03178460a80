//go:build e2e

package faults

import (
	"net"
	"strings"
	"testing"
)

// TestDescriptorsRunOut: more clients than the edge may have descriptors. It says
// so, lives on, tells nobody anything but that it is overloaded, and serves
// everybody as soon as there is room.
func TestDescriptorsRunOut(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, "")
			s.edge.kill()
			s.run("ulimit -n 150") // enough for about 60 exchanges
			before := s.quiet()
			silent := make([]net.Conn, 0, 50)
			for i := range cap(silent) {
				conn, err := dial(s.clients, i)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				silent = append(silent, conn)
			}
			b := startClients(t, 200, s.clients, s.secure)
			b.codes = map[string]int{"edge_overloaded": 503, "upstream_head_timeout": 504, "upstream_closed_early": 502}
			b.mayFail.Store(true)
			eventually(t, "the edge to say that there are no descriptors", func() bool { return s.count("no file descriptor") > 0 })
			b.await("edge_overloaded", 5, "descriptors having run out")
			b.await("complete", 100, "descriptors having run out")
			b.halt()
			for _, conn := range silent {
				_ = conn.Close()
			}
			t.Log(b.seen)
			s.up.wantQuiet()
			s.wantQuiet(before)
			b.report(b.faults)
			b.wantUpstream(s.up)
			b.wantLines(s.edge, s.up)
			b.wantCounters(s.edge)

			calm := startClients(t, 20, s.clients, s.secure)
			calm.codes = b.codes
			calm.await("complete", 200, "there being room again")
			calm.halt()
			calm.report(calm.faults)
			s.drained()
			for _, x := range s.log("") {
				if strings.Contains(x.Message, "panic") || x.Level == "error" && x.Message != "exchange" {
					t.Errorf("the log says %+v", x)
				}
			}
		})
	}
}
