package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// run is one load.
type run struct {
	options *options
	client  *http.Client
	stop    context.CancelFunc
	// beginning is how long exchanges were begun; the last one has an interval
	// of its own behind it.
	beginning time.Duration

	mu         sync.Mutex
	sent       int
	succeeded  int
	inFlight   int
	events     int
	streams    int
	incomplete int // ended cleanly, without [DONE] or a final event
	cut        int // ended before their end
	failures   map[string]int
	edgeErrors map[string]int // x-apim-edge-error -> how often
	failed     int
	took       time.Duration
	head       *hdrhistogram.Histogram // to the response head
	firstEvent *hdrhistogram.Histogram
	gap        *hdrhistogram.Histogram
	whole      *hdrhistogram.Histogram
}

func newRun(o *options) *run {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: roots(o.caFile)},
		MaxIdleConnsPerHost: o.inFlight, DisableCompression: true,
	}
	// Times in microseconds up to an hour.
	histogram := func() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3) }
	return &run{
		options:  o,
		client:   &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		failures: make(map[string]int), edgeErrors: make(map[string]int),
		head: histogram(), firstEvent: histogram(), gap: histogram(), whole: histogram(),
	}
}

func roots(file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return x509.NewCertPool() // trusts nothing: the handshake's error says so
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// drive begins exchanges at their intended times until the duration is over or
// too many have failed, and waits for those that run.
func (r *run) drive(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()
	began := time.Now()
	interval := time.Duration(float64(time.Second) / r.options.rate)
	var running sync.WaitGroup
	for n := range r.options.planned() {
		intended := began.Add(time.Duration(n) * interval)
		if !waitUntil(ctx, intended) {
			break
		}
		if r.enter() {
			r.beginning = time.Since(began) + interval
			running.Go(func() { r.exchange(ctx, intended) })
		}
	}
	running.Wait()
	r.took = time.Since(began)
}

func waitUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// fail counts a failure, under the lock. One too many ends the load, and those
// exchanges that run are given up too.
func (r *run) fail(why string) {
	r.failed++
	r.failures[why]++
	if r.failed > r.options.maxErrors {
		r.stop()
	}
}

// enter counts an exchange in, unless too many run already: the target is then
// slower than the rate for longer than makes sense to wait.
func (r *run) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight >= r.options.inFlight {
		r.fail("not sent: too many in flight")
		return false
	}
	r.sent++
	r.inFlight++
	return true
}

// exchange does one exchange. All times count from the intended start.
func (r *run) exchange(ctx context.Context, intended time.Time) {
	ctx, cancel := context.WithDeadline(ctx, intended.Add(r.options.timeout))
	defer cancel()
	o := outcome{}
	if err := r.send(ctx, intended, &o); err != nil {
		o.failure = explain(err)
	}
	r.count(&o, time.Since(intended))
}

// outcome is what became of one exchange.
type outcome struct {
	failure    string // "": it went well
	edgeError  string // what the edge says about it
	head       time.Duration
	firstEvent time.Duration
	gaps       []time.Duration
	events     int
	isStream   bool
	incomplete bool
	cut        bool
}

func (r *run) send(ctx context.Context, intended time.Time, o *outcome) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.options.target.String(), bytes.NewReader(r.options.body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+r.options.key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "apim-edge-load")
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	o.head = time.Since(intended)
	o.edgeError = response.Header.Get("X-Apim-Edge-Error")
	if response.StatusCode < 200 || response.StatusCode > 299 {
		_, _ = io.CopyN(io.Discard, response.Body, 1<<20) // so that the connection can be used again
		o.failure = "status " + response.Status
		return nil
	}
	if isEvents(response.Header) {
		return readEvents(response.Body, intended, o)
	}
	if _, err = io.Copy(io.Discard, response.Body); err != nil {
		o.cut = ctx.Err() == nil
	}
	return err
}

// explain names an error by its kind, so that equal ones can be counted. The
// text of an error is not used where it could be: it may hold the whole URL.
func explain(err error) string {
	var network net.Error
	var operation *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return "given up when the load stopped"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut: the response ended before its end"
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.As(err, &operation):
		return operation.Op + ": " + operation.Err.Error()
	case errors.Is(err, io.EOF):
		return "connection closed without a response"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}

func (r *run) count(o *outcome, whole time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
	if o.edgeError != "" {
		r.edgeErrors[o.edgeError]++
	}
	if o.isStream {
		r.streams++
		r.events += o.events
	}
	if o.cut {
		r.cut++
	}
	if o.incomplete {
		r.incomplete++
		o.failure = "incomplete stream: no [DONE] and no final event"
	}
	for _, gap := range o.gaps {
		record(r.gap, gap)
	}
	if o.firstEvent > 0 {
		record(r.firstEvent, o.firstEvent)
	}
	if o.failure != "" {
		r.fail(o.failure)
		return
	}
	r.succeeded++
	record(r.head, o.head)
	record(r.whole, whole)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), h.HighestTrackableValue()))
}
