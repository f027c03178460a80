// Package page is what an operator sees in a browser at / of the admin listener: how the
// edge is now, how the last hour was, what fails and what to do about it, and how far it
// is to the day on which the edge can go.
//
//	p := page.New(page.Options{Metrics: registry, ...})
//	edge.ObserveRemarkable(p)   // keeps the kinds of failures
//	p.Write(w, page.Viewer{})
//	p.Close()
//
// Everything is text that is made here, pictures included; the script only brings numbers
// up to date. The limits: the last hour in steps of ten seconds, a fixed number of kinds of
// failures, nothing of it kept across a restart. No secret, no query, no body and no address
// of a client is on it.
package page

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/proxy/record"
)

// Options say what the page shows.
type Options struct {
	// Metrics are those of the edge, for who looks at the page. Brief are those that are
	// looked at all the time.
	Metrics, Brief prometheus.Gatherer
	// Ready returns nil, or why no new exchange should be sent here, a line for each cause.
	Ready func() error
	// Notes returns what is wrong though exchanges can be sent here.
	Notes func() []string
	// Config returns the effective configuration with secrets masked.
	Config func() ([]byte, error)
	// Upstreams returns where each upstream is, by name, without what may be a secret.
	Upstreams func() map[string]string
	// Removal tells what a census has counted; nil: there is none.
	Removal func() Removal
	Version string
	// Now is the clock; nil: that of the machine.
	Now func() time.Time
}

// step is the time between two looks at the metrics, steps how many are kept: an hour.
const (
	step  = 10 * time.Second
	steps = 360
)

// Page is the page. It may be used from anywhere.
type Page struct {
	o        Options
	failures failures
	history  history
	end      chan struct{}
	ended    sync.WaitGroup
	once     sync.Once
}

// New returns a page that looks at the metrics from now on, until Close.
func New(o Options) *Page {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Page{o: o, end: make(chan struct{})}
	p.look()
	p.ended.Go(p.run)
	return p
}

// Close has the page look no more.
func (p *Page) Close() {
	p.once.Do(func() { close(p.end) })
	p.ended.Wait()
}

func (p *Page) run() {
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			p.look()
		case <-p.end:
			return
		}
	}
}

// look remembers the metrics of the moment.
func (p *Page) look() { p.history.add(scrapeOf(p.o.Brief).point(p.o.Now())) }

// Observe implements record.Observer.
func (p *Page) Observe(r *record.Record) { p.failures.observe(r, p.o.Now) }

// causes returns why no exchange should be sent here.
func (p *Page) causes() []string {
	err := p.o.Ready()
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}
