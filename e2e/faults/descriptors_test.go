//go:build e2e

package faults

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestDescriptorsRunOut: more clients than the edge may have descriptors. It says
// so, lives on, tells nobody anything but that it is overloaded, and serves
// everybody as soon as there is room.
func TestDescriptorsRunOut(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, bounds, "")
			s.Kill()
			s.run("ulimit -n 150") // enough for about 60 exchanges
			before := s.quiet()
			silent := make([]*raw.Conn, 0, 50)
			for i := range cap(silent) {
				conn, err := raw.Dial(s.Address(), raw.Dialer{Client: 1 + i})
				testkit.Must(t, err)
				defer conn.Close()
				silent = append(silent, conn)
			}
			codes := map[string]int{"edge_overloaded": 503, "upstream_head_timeout": 504, "upstream_closed_early": 502}
			c := s.gather(200, codes)
			c.MayFail.Store(true)
			eventually(t, "the edge to say that there are no descriptors", func() bool { return s.Count("no file descriptor") > 0 })
			s.await(c, "edge_overloaded", 5, "descriptors having run out")
			s.await(c, "complete", 100, "descriptors having run out")
			c.Halt()
			for _, conn := range silent {
				_ = conn.Close()
			}
			t.Log(c)
			s.wantQuiet(before)
			s.wantCounters()

			calm := s.gather(20, codes)
			s.await(calm, "complete", 200, "there being room again")
			calm.Halt()
			s.drained(s.ledger.CheckStrangers)
			for _, x := range s.Lines("") {
				if strings.Contains(x.Message, "panic") || x.Level == "error" && x.Message != "exchange" {
					t.Errorf("the log says %+v", x)
				}
			}
		})
	}
}
