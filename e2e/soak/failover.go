package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// step is something that happens to one of two upstreams.
type step struct {
	name  string // of what is the case then
	after time.Duration
	do    func(u *load.Upstream) error
}

// act is what happens in a picture of the failover, from its begin on.
var act = []step{
	{"429", 4 * time.Second, func(u *load.Upstream) error { u.Refuse(http.StatusTooManyRequests); return nil }},
	{"", 5 * time.Second, func(u *load.Upstream) error { u.Serve(); return nil }},
	{"dead", 4 * time.Second, func(u *load.Upstream) error { u.Kill(); return nil }},
	{"", 5 * time.Second, func(u *load.Upstream) error { return u.Start() }},
	{"hung", 6 * time.Second, func(u *load.Upstream) error { u.Stop(); return nil }},
	{"", 6 * time.Second, func(u *load.Upstream) error { u.Continue(); return nil }},
	{"", 6 * time.Second, func(*load.Upstream) error { return nil }},
}

// moment is what clients saw in a slice of the time, and what the access lines say of it.
type moment struct {
	at        time.Duration
	served    [2]float64 // answers a second, by upstream
	moved     float64    // requests a second
	failed    float64    // the same
	p50, most float64    // ms; 0: nothing has ended
}

const slice = 250 * time.Millisecond

// failover is one run for the picture: 300 POSTs a second to a route with two upstreams,
// each with the key of the edge, one of which throttles, dies, hangs and comes back.
type failover struct {
	began time.Time
	mu    sync.Mutex
	now   moment
	whole []moment
	bands []band
}

// drawFailover does such a run and draws it.
func drawFailover(ctx context.Context, file string, out io.Writer) error {
	work, err := os.MkdirTemp("", "apim-edge-failover-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	binary, err := edge.Build(work)
	if err != nil {
		return err
	}
	ledger := load.NewLedger()
	first, err := load.NewUpstream(ledger, nil)
	if err != nil {
		return err
	}
	defer first.Kill()
	second, err := first.Another()
	if err != nil {
		return err
	}
	defer second.Kill()
	first.Key, second.Key = "key-of-the-edge", "key-of-the-edge"
	f := &failover{}
	stage, err := load.NewStage(ledger, &edge.Edge{Binary: binary, Keep: 40, OnLine: f.line}, &load.Settings{
		File: filepath.Join(work, "config.yaml"), Timeouts: "response_head: 2s",
		Legs:     []*load.Leg{{Name: "first", Upstream: first, Others: []*load.Upstream{second}}},
		Upstream: ", breaker: {failures: 5, within: 30s, open: 2s}",
	}, 1)
	if err != nil {
		return err
	}
	defer stage.Kill()
	if err := f.run(ctx, stage, first); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d exchanges, moved %v, ended %v\n", ledger.Lines(), ledger.Moved(), ledger.Causes())
	return f.draw(file)
}

// run lets things happen, and looks at the clients meanwhile.
func (f *failover) run(ctx context.Context, s *load.Stage, struck *load.Upstream) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.Load.Mood(load.Loyal)
	s.Load.Arrivals(ctx, &load.Small, 300)
	_ = wait(ctx, time.Second) // everything is warm
	f.begin(s.Load)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		for wait(ctx, slice) {
			f.look(s.Load)
		}
	}()
	for _, step := range act {
		wait(ctx, step.after)
		if n := len(f.bands); n > 0 && f.bands[n-1].to == 0 {
			f.bands[n-1].to = time.Since(f.began).Seconds()
		}
		if step.name != "" {
			f.bands = append(f.bands, band{name: step.name, from: time.Since(f.began).Seconds()})
		}
		if err := step.do(struck); err != nil {
			return err
		}
	}
	stop()
	<-looked
	s.Load.Await(testkit.Patience)
	return nil
}

// begin forgets what has been so far.
func (f *failover) begin(l *load.Load) {
	l.TakeLatency()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.began, f.now = time.Now(), moment{}
}

// line counts an access line.
func (f *failover) line(l edge.Line) {
	if l.Message != "exchange" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.moved += float64(len(l.Moved))
	switch {
	case l.Status != http.StatusOK || l.Cause != "complete":
		f.now.failed++
	case l.Upstream == "first":
		f.now.served[0]++
	default:
		f.now.served[1]++
	}
}

// look ends a slice of the time.
func (f *failover) look(l *load.Load) {
	latency := l.TakeLatency()
	f.mu.Lock()
	defer f.mu.Unlock()
	m, before := f.now, time.Duration(0)
	if n := len(f.whole); n > 0 {
		before = f.whole[n-1].at
	}
	m.at = time.Since(f.began)
	second := (m.at - before).Seconds()
	for _, count := range []*float64{&m.served[0], &m.served[1], &m.moved, &m.failed} {
		*count /= second
	}
	m.p50, m.most = float64(latency.ValueAtQuantile(50))/1e3, float64(latency.Max())/1e3
	f.whole, f.now = append(f.whole, m), moment{}
}
