//go:build e2e

package faults

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// live returns n clients, each of whom has the first half of a stream whose second
// half has to wait for the upstream to be opened, and begins nothing behind it.
func (s *stage) live(n int) *load.Crowd {
	s.t.Helper()
	c := s.Load.Gather(n, &load.Live, nil)
	s.t.Cleanup(func() { s.up.Open(); c.Halt() })
	s.reach(c, "live", n, "streams beginning")
	c.Last()
	return c
}

// wantEnded holds that the streams have ended like this, all of them.
func (s *stage) wantEnded(c *load.Crowd, outcome string, n int) {
	s.t.Helper()
	c.Halt()
	if c.Count("live") != n || c.Count(outcome) != n {
		s.t.Errorf("the streams ended as %v, want %d that are %s", c, n, outcome)
	}
}

// TestDrainLetsStreamsFinish: SIGTERM during live streams: nobody new gets in,
// every stream arrives whole, and the process goes with exit code 0.
func TestDrainLetsStreamsFinish(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, "", "")
			streams := s.live(manyStreams)
			s.signal(syscall.SIGTERM)
			testkit.Must(t, s.Await("the drain to begin", s.Logged(`"message":"draining"`)))
			late := s.gather(1, map[string]int{"edge_draining": 503})
			late.MayFail.Store(true)
			eventually(t, "a client to be refused", func() bool { return late.Count("refused")+late.Count("edge_draining") > 0 })
			late.Halt()
			if late.Count("complete") > 0 {
				t.Errorf("after SIGTERM clients saw %v", late)
			}
			s.up.Open()
			s.wantEnded(streams, "complete", manyStreams)
			s.drained()
			if stopped := s.Lines("stopped"); len(stopped) != 1 || stopped[0].Aborted != 0 {
				t.Errorf("stopped: %+v, want no exchange that was aborted", stopped)
			}
		})
	}
}

// TestDrainEnds: streams that outlast timeouts.drain are cut so that none looks
// complete, and counted.
func TestDrainEnds(t *testing.T) {
	const n = 20
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, "drain: 100ms", "")
			streams := s.live(n)
			streams.MayFail.Store(true)
			s.drained(func() { s.wantEnded(streams, "cut", n) })
			if stopped := s.Lines("stopped"); len(stopped) != 1 || stopped[0].Aborted != n {
				t.Errorf("stopped: %+v, want %d exchanges that were aborted", stopped, n)
			}
			if all := s.ledger.Causes(); all["drain_aborted"] != n || s.ledger.Lines() != n {
				t.Errorf("access lines: %v, want %d with drain_aborted and no others", all, n)
			}
		})
	}
}

// manyStreams is enough for some of them to be in any state.
const manyStreams = 200

// TestReloadDuringLiveStreams: running exchanges never notice a reload, be it
// by SIGHUP, by a change of the file, or one that fails; new ones get the new
// configuration.
func TestReloadDuringLiveStreams(t *testing.T) {
	s := start(t, sides{}, func(s *load.Settings) { s.Timeouts = "" })
	streams := s.live(manyStreams)
	for _, step := range []struct {
		name   string
		reload func() error
		logged string
		want   string // the decision that a new exchange tells
	}{
		{"a change of the file", func() error {
			s.Settings.More = "debug: {decision_header: true}\n"
			return s.Settings.Write()
		}, `"trigger":"file"`, "bearer_key"},
		{"a bad file", s.Settings.Spoil, `"message":"reload failed`, "bearer_key"},
		{"SIGHUP", func() error {
			s.Settings.More = ""
			if err := s.Settings.Write(); err != nil {
				return err
			}
			return s.Signal(syscall.SIGHUP)
		}, `"trigger":"signal"`, ""},
	} {
		testkit.Must(t, step.reload())
		testkit.Must(t, s.Await(step.logged, s.Logged(step.logged)))
		s.abuse(1, func(a *abuser) error {
			if err := a.say(a.head("GET", small) + "\r\n"); err != nil {
				return err
			}
			resp, err := http.ReadResponse(a.In, nil)
			if err != nil || resp.StatusCode != 200 || resp.Header.Get("X-Apim-Edge-Decision") != step.want {
				return fmt.Errorf("behind %s the answer is %v, %v; want the decision %q in it", step.name, resp, err, step.want)
			}
			return nil
		})
	}
	s.up.Open()
	s.wantEnded(streams, "complete", manyStreams)
	s.drained()
}
