// Package otlp sends what is traced to a collector: OTLP over HTTP, as protobuf. It
// observes exchanges, keeps those that are traced in a queue of a fixed size, and posts
// them from a goroutine of its own. An exchange never waits for it: what finds the queue
// full is dropped and counted.
package otlp

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/proxy/record"
)

// The bounds are those of the batch span processor of OpenTelemetry's SDKs, by exchanges
// instead of spans.
const (
	queueSize = 2048
	batchSize = 256
	batchTime = 5 * time.Second
	closeTime = 3 * time.Second // for what is left at the end
)

// Exporter sends traces to the collector that Use names.
type Exporter struct {
	log     zerolog.Logger
	version string
	queue   chan *exchange
	results [resultCount]atomic.Int64

	collector atomic.Pointer[Collector] // nil: none
	failing   bool                      // the last batch was not taken; of run alone
	delay     time.Duration             // how long a batch is filled

	closing context.Context // ends when Close is called: nothing is repeated from then on
	close   context.CancelFunc
	ending  context.Context // ends a moment later, with whatever is under way
	end     context.CancelFunc
	done    chan struct{}
}

// New returns an exporter that has no collector. Close ends it.
func New(log zerolog.Logger, version string) *Exporter { return newExporter(log, version, batchTime) }

func newExporter(log zerolog.Logger, version string, delay time.Duration) *Exporter {
	e := &Exporter{log: log, version: version, queue: make(chan *exchange, queueSize), delay: delay, done: make(chan struct{})}
	e.ending, e.end = context.WithCancel(context.Background())
	e.closing, e.close = context.WithCancel(e.ending)
	go e.run()
	return e
}

// Use sends what comes from now on, and what waits, to c; nil: nothing is sent.
func (e *Exporter) Use(c *Collector) { e.collector.Swap(c).leave() }

// Observe implements record.Observer.
func (e *Exporter) Observe(r *record.Record) {
	if r.Trace == nil {
		return
	}
	path, _, _ := bytes.Cut(r.Path, []byte{'?'})
	x := &exchange{
		Trace: r.Trace, id: string(r.ID), method: string(r.Method), path: strings.ToValidUTF8(string(path), "\ufffd"),
		reason: r.Reason.String(), cause: r.Cause(), status: r.Status,
	}
	if r.Route != nil {
		x.route = r.Route.Name
	}
	select {
	case e.queue <- x:
	default:
		e.results[queueFull].Add(1)
	}
}

// Close sends what is left, for a moment at most, and ends the exporter. Nothing may be
// observed any more.
func (e *Exporter) Close() {
	close(e.queue)
	e.close()
	end := time.AfterFunc(closeTime, e.end)
	<-e.done
	end.Stop()
	e.end()
	e.collector.Load().leave()
}

// run sends batch by batch until Close.
func (e *Exporter) run() {
	defer close(e.done)
	for {
		batch, more := e.fill()
		if len(batch) > 0 {
			e.send(batch)
		}
		if !more {
			return
		}
	}
}

// fill waits for a batch. more is false where it is the last one.
func (e *Exporter) fill() (batch []*exchange, more bool) {
	x, ok := <-e.queue
	if !ok {
		return nil, false
	}
	batch = append(batch, x)
	full := time.NewTimer(e.delay)
	defer full.Stop()
	for len(batch) < batchSize {
		select {
		case x, ok := <-e.queue:
			if !ok {
				return batch, false
			}
			batch = append(batch, x)
		case <-full.C:
			return batch, true
		}
	}
	return batch, true
}

// send sends a batch, and tells what has come of it.
func (e *Exporter) send(batch []*exchange) {
	c := e.collector.Load()
	if c == nil { // it was taken away
		e.results[noCollector].Add(int64(len(batch)))
		return
	}
	result, err := e.post(c, batch)
	e.results[result].Add(int64(len(batch)))
	switch failing := result != sent; {
	case failing && !e.failing:
		e.log.Warn().Str("collector", c.shown).Err(err).Msg("traces cannot be sent; they are dropped")
	case !failing && e.failing:
		e.log.Info().Str("collector", c.shown).Msg("traces can be sent again")
	}
	e.failing = result != sent
}
