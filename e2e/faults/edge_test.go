//go:build e2e

package faults

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// stage is an edge between clients and an upstream.
type stage struct {
	*load.Stage
	t      testing.TB
	ledger *load.Ledger
	up     *load.Upstream
}

// leg is how the two sides are spoken to.
type leg struct {
	name   string
	secure bool
}

var legs = []leg{{"plain", false}, {"TLS on both sides", true}}

// bounds are for a load: no fault lasts long, and nothing is kept for long.
const bounds = "response_head: 2s, stream_idle: 2s, upstream_keep_alive: 3s, drain: 2s"

// sides are the certificates of the two sides; nil: that side is plain.
type sides struct{ client, upstream *testcert.Certificate }

// start runs an edge until the end of the test, with what change makes of its
// configuration.
func start(t *testing.T, secure sides, change func(s *load.Settings)) *stage {
	t.Helper()
	return startEdge(t, &edge.Edge{Binary: edge.Built}, secure, change)
}

// startEdge is start for this one.
func startEdge(t *testing.T, e *edge.Edge, secure sides, change func(s *load.Settings)) *stage {
	t.Helper()
	s := &stage{t: t, ledger: load.NewLedger()}
	var err error
	if s.up, err = load.NewUpstream(s.ledger, secure.upstream); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.up.Kill)
	settings := &load.Settings{File: filepath.Join(t.TempDir(), "config.yaml"), Secure: secure.client, Timeouts: bounds, Legs: []*load.Leg{
		{Name: "openai", Upstream: s.up},
		{Name: "abuse", Upstream: s.up},
		{Name: "patient", Upstream: s.up, Patient: true},
	}}
	change(settings)
	if s.Stage, err = load.NewStage(s.ledger, e, settings, 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// stage is an edge that is spoken to like this, with these timeouts. more is added to
// the configuration.
func (l leg) stage(t *testing.T, timeouts, more string) *stage {
	t.Helper()
	return start(t, l.sides(t), func(s *load.Settings) { s.Timeouts, s.More = timeouts, more })
}

func (l leg) sides(t *testing.T) sides {
	t.Helper()
	if !l.secure {
		return sides{}
	}
	id := newCertificate(t)
	return sides{id, id}
}

func newCertificate(t *testing.T) *testcert.Certificate {
	t.Helper()
	id := testcert.Temp(t, "faults.test")
	return id
}

// run starts the process, with the shell's commands in front.
func (s *stage) run(shell ...string) {
	s.t.Helper()
	testkit.Must(s.t, s.Start(shell...))
}

func (s *stage) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.Signal(signal); err != nil {
		s.t.Errorf("signal %v: %v", signal, err)
	}
}

// drained ends the edge as an operator would: it must go by itself, with exit
// code 0, and have said nothing but log lines. Then the ledger has all records,
// and judges: before, an upstream that has stood still may tell what had come.
func (s *stage) drained(checks ...func()) {
	s.t.Helper()
	if _, err := s.Stop(); err != nil {
		s.t.Errorf("%v: %s", err, s.Words())
	}
	for _, check := range checks {
		check()
	}
	s.ledger.Close()
	s.report()
}

// report fails the test for each finding, but not for more than can be read.
func (s *stage) report() {
	s.t.Helper()
	findings, all := s.ledger.Findings()
	for _, f := range findings[:min(len(findings), 8)] {
		s.t.Error(f)
	}
	if all > 8 {
		s.t.Errorf("and %d findings more", all-8)
	}
}

// gather lets n clients work until they are halted.
func (s *stage) gather(n int, codes map[string]int) *load.Crowd {
	s.t.Helper()
	return s.gatherOf(n, &load.Crowded, codes)
}

// gatherOf lets them do that work.
func (s *stage) gatherOf(n int, mix *load.Mix, codes map[string]int) *load.Crowd {
	c := s.Load.Gather(n, mix, codes)
	s.t.Cleanup(c.Halt)
	return c
}

// await waits until n more clients have seen the outcome while there is such a
// state of things.
func (s *stage) await(c *load.Crowd, outcome string, n int, while string) {
	s.t.Helper()
	s.reach(c, outcome, c.Count(outcome)+n, while)
}

// reach waits until n clients have seen the outcome.
func (s *stage) reach(c *load.Crowd, outcome string, n int, while string) {
	s.t.Helper()
	if !eventually(s.t, "more clients to see "+outcome+", "+while, func() bool { return c.Count(outcome) >= n }) {
		c.MayFail.Store(true) // what follows is the end of the test
		s.report()
		s.t.Fatalf("seen so far: %v", c)
	}
}

// scrape reads the metrics.
func (s *stage) scrape() edge.Metrics {
	s.t.Helper()
	m, err := s.Scrape()
	testkit.Must(s.t, err)
	return m
}

// wantCounters holds that the metrics say the same as the access lines.
func (s *stage) wantCounters() {
	s.t.Helper()
	var m edge.Metrics
	eventually(s.t, "the log to have each line", func() bool {
		m = s.scrape()
		return m.Sum("apim_edge_requests_total") == int(s.ledger.Lines())
	})
	s.ledger.CheckCounters(m)
}

func (s *stage) heap() int {
	n, err := s.Heap()
	if err != nil {
		s.t.Error(err)
	}
	return n
}

func (s *stage) memory(name string) int {
	n, err := s.Memory(name)
	if err != nil {
		s.t.Error(err)
	}
	return n
}

// quiet is what an edge holds that has nothing to do.
type quiet struct {
	load.Rest
	heap int
}

func (s *stage) quiet() quiet {
	s.t.Helper()
	q := quiet{heap: s.heap()}
	var err error
	if q.Rest, err = s.Rest(); err != nil {
		s.t.Error(err)
	}
	return q
}

// wantQuiet waits until everything has ended at the upstream, and the edge holds no
// more than at its start: no connection, exchange, stream, goroutine or descriptor,
// and no heap to speak of.
func (s *stage) wantQuiet(before quiet) {
	s.t.Helper()
	s.wantQuietUpstream()
	if _, err := s.AwaitRest(before.Rest, 0, testkit.Patience); err != nil {
		stacks, _ := s.Get("/debug/pprof/goroutine?debug=1")
		s.t.Errorf("%v; goroutines: %s", err, stacks[:min(len(stacks), 6000)])
	}
	// Each loop keeps up to 64 free buffers of 16 KiB, and 128 exchanges.
	if heap := s.heap(); heap > before.heap+8<<20 {
		s.t.Errorf("the heap holds %d KiB more than at the start", (heap-before.heap)>>10)
	}
}

func (s *stage) wantQuietUpstream() {
	s.t.Helper()
	if err := s.up.AwaitQuiet(); err != nil {
		s.t.Error(err)
	}
}
