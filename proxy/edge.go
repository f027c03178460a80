// Package proxy is the data path of apim-edge: what happens between a client's
// request and the upstream's answer. ARCHITECTURE.md tells the life of one
// exchange; Exchange.run is that story in code.
package proxy

import (
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Edge is everything that exchanges share.
type Edge struct {
	snapshot atomic.Pointer[Snapshot]
	registry registry
	watch    *wire.Watch
	log      zerolog.Logger // for the operator
	origins  zerolog.Logger // refused origins: a few a minute
	access   zerolog.Logger // one line per exchange
	metrics  *Metrics
	noRoute  *routeMetrics // for exchanges that end before a route is known

	inflight atomic.Int64
	draining atomic.Bool
	stopping atomic.Bool // the drain is over: what still runs is aborted
}

// NewEdge returns an edge without a configuration: Use gives it one.
func NewEdge(log, access zerolog.Logger, metrics *Metrics, watch *wire.Watch) *Edge {
	e := &Edge{log: log, access: access, metrics: metrics, watch: watch}
	e.registry = registry{watch: watch, known: map[string]*handle{}}
	e.origins = log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Minute})
	e.noRoute = metrics.route("none")
	metrics.observe(e)
	return e
}

// Use makes s the configuration of every exchange that begins from now on.
func (e *Edge) Use(s *Snapshot) {
	old := e.snapshot.Swap(s)
	e.metrics.using(s.hash)
	if old != nil {
		e.registry.release(old.used)
	}
}

// Discard gives back what a snapshot that is not going to be used has taken.
func (e *Edge) Discard(s *Snapshot) { e.registry.release(s.used) }

// Config returns the configuration in use.
func (e *Edge) Config() config.Config { return e.snapshot.Load().config }

// Inflight returns how many exchanges run.
func (e *Edge) Inflight() int64 { return e.inflight.Load() }

// Drain makes every answer from now on the last one of its connection.
func (e *Edge) Drain() { e.draining.Store(true) }

// Stop marks what is aborted from now on as left over from the drain.
func (e *Edge) Stop() { e.stopping.Store(true) }

// Draining tells whether Drain has been called.
func (e *Edge) Draining() bool { return e.draining.Load() }

// Close closes the idle connections to all upstreams.
func (e *Edge) Close() {
	if s := e.snapshot.Load(); s != nil {
		e.registry.release(s.used)
	}
}

func (e *Edge) upstreams() []*upstream.Upstream { return e.registry.all() }

// run is the story of one exchange, in the order of the wire. Each step can end
// it with an *edgeerr.Error; finish then answers, or aborts if the head is out.
func (x *Exchange) run() error {
	if err := x.readHead(); err != nil {
		return err
	}
	x.snap = x.edge.snapshot.Load()
	x.route = x.snap.match(x.req.host, x.req.path)
	x.note()
	if x.route == nil {
		return edgeerr.New(edgeerr.RouteNotFound, "")
	}
	if x.route.cors != nil && x.req.isPreflight() {
		return x.answerPreflight() // the upstream is never asked
	}
	if err := x.admit(); err != nil {
		return err
	}
	x.decision = x.route.credential.Decide(x.req.fields, x.req.query)
	if err := x.checkDecision(); err != nil {
		return err
	}
	if err := x.forward(); err != nil {
		return err
	}
	if err := x.awaitHead(); err != nil {
		return err
	}
	if x.resp.status == 101 {
		return x.tunnel()
	}
	return x.relay()
}

// admit counts the exchange and refuses it beyond limits.exchanges, and refuses
// a body that says of itself that it is too large.
func (x *Exchange) admit() error {
	n := x.edge.inflight.Add(1)
	x.admitted = true
	if x.edge.stopping.Load() {
		return edgeerr.New(edgeerr.EdgeDraining, "")
	}
	if limit := x.snap.config.Limits.Exchanges; limit > 0 && n > int64(limit) {
		return edgeerr.New(edgeerr.EdgeOverloaded, "limits.exchanges is reached; wait and repeat, or raise it")
	}
	if limit := x.route.bodyLimit; limit > 0 && x.req.length > limit {
		return edgeerr.New(edgeerr.BodyTooLarge, "")
	}
	return nil
}

// checkDecision refuses what the credential rules refuse.
func (x *Exchange) checkDecision() error {
	x.reason, x.notesSeen, x.decided = x.decision.Reason, x.decision.Notes, true
	if !x.decision.Rejected() {
		return nil
	}
	return edgeerr.New(codeOf(x.decision.Reason), x.decision.Problem.String())
}
