package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// legs are the routes, each with an upstream of its own: over TCP, over TLS, and
// one over TCP that is never restarted, so that its streams can last.
var legs = []string{"plain", "secure", "steady"}

// soak is one run.
type soak struct {
	options
	*load.Stage
	out    io.Writer // for people
	began  time.Time
	ledger *load.Ledger

	before  sample    // before the load
	rest    load.Rest // the same
	samples []sample
	checks  []check
	lines   []line
	took    time.Duration // the load
	told    map[string]int64
}

// check is one thing that must hold at the end.
type check struct {
	name, detail string
	ok           bool
}

// run does a whole soak and writes its report. It returns whether everything
// held; ctx ends the load early.
func run(ctx context.Context, o options, out io.Writer) (ok bool, err error) {
	s := &soak{options: o, out: out, ledger: load.NewLedger(), told: map[string]int64{}}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return false, err
	}
	work, err := os.MkdirTemp("", "apim-edge-soak-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	file, err := os.Create(filepath.Join(o.out, "edge.log.gz"))
	if err != nil {
		return false, err
	}
	defer file.Close()
	keep := gzip.NewWriter(file)
	defer keep.Close()
	if err := s.start(work, keep); err != nil {
		return false, err
	}
	defer s.close() // in the good case all have gone
	if err := s.hold(ctx); err != nil {
		return false, err
	}
	s.settle()
	s.lines = lines(s.samples)
	if err := s.report(); err != nil {
		return false, err
	}
	return s.held(), nil
}

// start brings up the upstreams, the edge, and looks at it before anything happens.
func (s *soak) start(work string, keep io.Writer) error {
	secure, err := testcert.New(work, "soak.test")
	if err != nil {
		return err
	}
	settings := &load.Settings{File: filepath.Join(work, "config.yaml"), Timeouts: load.Bounds}
	if s.tls {
		settings.Secure = secure
	}
	for _, name := range legs {
		id := secure
		if name != "secure" {
			id = nil
		}
		up, err := load.NewUpstream(s.ledger, id)
		if err != nil {
			return err
		}
		settings.Legs = append(settings.Legs, &load.Leg{Name: name, Upstream: up, Steady: name == "steady"})
	}
	var flags []string
	if s.race {
		flags = append(flags, "-race")
	}
	binary, err := edge.Build(work, flags...)
	if err != nil {
		return err
	}
	s.Stage, err = load.NewStage(s.ledger, &edge.Edge{Binary: binary, Keep: 40, OnLine: func(l edge.Line) {
		_, _ = io.WriteString(keep, l.Text)
	}}, settings, s.seed)
	if err != nil {
		return err
	}
	if s.before, err = s.look(); err != nil {
		return err
	}
	s.rest, err = s.Rest()
	return err
}

// close ends what still runs.
func (s *soak) close() {
	s.Kill()
	for _, leg := range s.Settings.Legs {
		leg.Upstream.Kill()
	}
}

// hold keeps the load up for the duration, or until ctx ends or the edge does.
func (s *soak) hold(ctx context.Context) error {
	loaded, stop := context.WithTimeout(ctx, s.duration)
	defer stop()
	go func() {
		<-s.Exited()
		stop()
	}()
	s.began = time.Now()
	s.Load.Arrivals(loaded, &s.mix, s.rate)
	s.Load.LongStreams(loaded, s.streams)
	var around sync.WaitGroup
	around.Go(func() { s.restarts(loaded) })
	around.Go(func() { s.reloads(loaded) })
	defer around.Wait()
	err := s.sampling(loaded)
	s.took = time.Since(s.began)
	return err
}

// every is the time between two things that ought to happen some times in a run.
func (s *soak) every(usual time.Duration) time.Duration { return min(usual, s.duration/5) }

// restarts takes one upstream after the other away for a moment.
func (s *soak) restarts(ctx context.Context) {
	for n := 0; wait(ctx, s.every(15*time.Second)); n++ {
		leg := s.Settings.Legs[n%2]
		length := 200*time.Millisecond + time.Duration(n%4)*250*time.Millisecond
		if err := leg.Upstream.Restart(length); err != nil {
			s.ledger.Found("the soak cannot restart its upstream %s: %v", leg.Name, err)
			return
		}
		s.told["restarts of an upstream"]++
	}
}

// reloads changes the configuration, tells the edge, or spoils the file.
func (s *soak) reloads(ctx context.Context) {
	for n := 0; wait(ctx, s.every(10*time.Second)); n++ {
		what, err := s.Reload(n)
		s.told[what]++
		if err != nil && ctx.Err() == nil {
			s.ledger.Found("the soak cannot reload the edge: %v", err)
			return
		}
	}
}

// wait returns false when ctx has ended first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// sampling looks at the edge until ctx ends.
func (s *soak) sampling(ctx context.Context) error {
	file, err := os.Create(filepath.Join(s.options.out, "samples.csv"))
	if err != nil {
		return err
	}
	defer file.Close()
	writeHeader(file)
	progress := newProgress(s.out, s.duration)
	defer progress.end()
	interval := max(time.Second, (s.duration / 3000).Round(time.Second))
	before := s.before
	for wait(ctx, interval) {
		now, err := s.look()
		if err != nil {
			if !s.Gone() {
				s.ledger.Found("the edge cannot be looked at: %v", err)
			}
			continue
		}
		s.complete(&now, &before)
		s.samples, before = append(s.samples, now), now
		writeRow(file, &now)
		progress.say(&now)
		s.ledger.Sweep()
		s.Load.Tidy(load.IdleMost)
	}
	return nil
}

// complete adds what the load knows, and what has changed since the sample before.
func (s *soak) complete(now, before *sample) {
	now.at = time.Since(s.began)
	latency := s.Load.TakeLatency()
	now.p50, now.p99 = float64(latency.ValueAtQuantile(50))/1e3, float64(latency.ValueAtQuantile(99))/1e3
	now.longest = float64(latency.Max()) / 1e3
	_, faults := s.ledger.Findings()
	_, now.ended = s.ledger.Endings()
	now.findings = float64(faults)
	if elapsed := (now.at - before.at).Seconds(); elapsed > 0 {
		now.rate = float64(now.ended-before.ended) / elapsed
		now.edgeCPU = (now.edgeTime - before.edgeTime).Seconds() / elapsed
		now.soakCPU = (now.soakTime - before.soakTime).Seconds() / elapsed
	}
}

func (s *soak) check(name string, ok bool, format string, args ...any) {
	s.checks = append(s.checks, check{name: name, ok: ok, detail: fmt.Sprintf(format, args...)})
}

// held reports whether all checks and lines are as they must be.
func (s *soak) held() bool {
	for _, c := range s.checks {
		if !c.ok {
			return false
		}
	}
	for _, l := range s.lines {
		if !l.isFlat {
			return false
		}
	}
	return true
}
