package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/apim-edge/apim-edge/internal/testcert"
)

// soak is one run.
type soak struct {
	options
	out       io.Writer // for people
	began     time.Time
	ledger    *ledger
	upstreams map[string]*upstream
	settings  *settings
	log       *accessLog
	edge      *edge
	load      *load

	before  sample // before the load
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
	s := &soak{options: o, out: out, upstreams: map[string]*upstream{}, told: map[string]int64{}}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return false, err
	}
	work, err := os.MkdirTemp("", "apim-edge-soak-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	keep, err := os.Create(filepath.Join(o.out, "edge.log.gz"))
	if err != nil {
		return false, err
	}
	defer keep.Close()
	if err := s.start(work, keep); err != nil {
		return false, err
	}
	defer s.edge.kill() // in the good case it has gone
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
	marker := make([]byte, 8)
	_, _ = rand.Read(marker)
	s.ledger = newLedger("m" + hex.EncodeToString(marker))
	secure, err := testcert.New(work, "soak.test")
	if err != nil {
		return err
	}
	for _, leg := range legs {
		config := secure.Server()
		if leg != "secure" {
			config = nil
		}
		if s.upstreams[leg], err = newUpstream(leg, config, s.ledger); err != nil {
			return err
		}
	}
	s.settings = &settings{file: filepath.Join(work, "config.yaml"), secure: secure, clientTLS: s.tls, upstreams: s.upstreams}
	if err := s.settings.write(); err != nil {
		return err
	}
	binary, err := findBinary(s.options, work)
	if err != nil {
		return err
	}
	s.log = newAccessLog(s.ledger, keep)
	if s.edge, err = startEdge(binary, s.settings.file, s.log); err != nil {
		return err
	}
	s.load = &load{
		ledger: s.ledger, upstreams: s.upstreams, seed: s.seed, mix: s.mix, latency: newHistogram(),
		pool: &pool{address: s.edge.clients},
	}
	if s.tls {
		s.load.pool.tls = secure.Client()
	}
	_, _ = s.edge.look() // opens the connection to the admin listener
	s.before, err = s.edge.look()
	return err
}

// hold keeps the load up for the duration, or until ctx ends or the edge does.
func (s *soak) hold(ctx context.Context) error {
	loaded, stop := context.WithTimeout(ctx, s.duration)
	defer stop()
	go func() {
		<-s.edge.exited
		stop()
	}()
	s.began = time.Now()
	s.load.all.Go(func() { s.load.arrivals(loaded, s.rate) })
	s.load.longStreams(loaded, s.streams)
	s.load.all.Go(func() { s.restarts(loaded) })
	s.load.all.Go(func() { s.reloads(loaded) })
	err := s.sampling(loaded)
	s.took = time.Since(s.began)
	return err
}

// every is the time between two things that ought to happen some times in a run.
func (s *soak) every(usual time.Duration) time.Duration { return min(usual, s.duration/5) }

// restarts takes one upstream after the other away for a moment.
func (s *soak) restarts(ctx context.Context) {
	for n := 0; wait(ctx, s.every(15*time.Second)); n++ {
		leg := legs[n%2]
		length := 200*time.Millisecond + time.Duration(n%4)*250*time.Millisecond
		if err := s.upstreams[leg].restart(length); err != nil {
			s.ledger.found("the soak cannot restart its upstream %s: %v", leg, err)
			return
		}
		s.told["restarts of an upstream"]++
	}
}

// reloads changes the configuration, tells the edge, or spoils the file.
func (s *soak) reloads(ctx context.Context) {
	for n := 0; wait(ctx, s.every(10*time.Second)); n++ {
		var err error
		switch n % 4 {
		case 0, 2:
			err = s.settings.write() // the edge watches the file
			s.told["changes of the configuration file"]++
		case 1:
			err = s.edge.reload()
			s.told["SIGHUP"]++
		case 3:
			err = s.settings.spoil()
			s.told["spoiled configuration files"]++
		}
		if err != nil && ctx.Err() == nil {
			s.ledger.found("the soak cannot reload the edge: %v", err)
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
		now, err := s.edge.look()
		if err != nil {
			if !s.edge.hasExited() {
				s.ledger.found("the edge cannot be looked at: %v", err)
			}
			continue
		}
		s.complete(&now, &before)
		s.samples, before = append(s.samples, now), now
		writeRow(file, &now)
		progress.say(&now)
		s.ledger.sweep()
		s.load.pool.tidy(idleMost)
	}
	return nil
}

// complete adds what the load knows, and what has changed since the sample before.
func (s *soak) complete(now, before *sample) {
	now.at = time.Since(s.began)
	latency := s.load.takeLatency()
	now.p50, now.p99 = float64(latency.ValueAtQuantile(50))/1e3, float64(latency.ValueAtQuantile(99))/1e3
	now.longest = float64(latency.Max()) / 1e3
	ended, faults := s.ledger.count()
	now.ended, now.findings = ended, float64(faults)
	if elapsed := (now.at - before.at).Seconds(); elapsed > 0 {
		now.rate = float64(now.ended-before.ended) / elapsed
		now.edgeCPU = (now.edgeTime - before.edgeTime).Seconds() / elapsed
		now.soakCPU = (now.soakTime - before.soakTime).Seconds() / elapsed
	}
}

func (s *soak) check(name string, ok bool, format string, args ...any) {
	s.checks = append(s.checks, check{name: name, ok: ok, detail: fmt.Sprintf(format, args...)})
}

// held tells whether all checks and lines are as they must be.
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
