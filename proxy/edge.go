package proxy

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/route"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Edge is everything that exchanges share.
type Edge struct {
	name     []byte                         // see nameEdge
	snapshot atomic.Pointer[route.Snapshot] // nil until Use; no client is accepted before
	registry *route.Registry
	log      zerolog.Logger // for the operator
	access   *record.AccessLog
	metrics  *record.Metrics
	stores   map[*wire.Loop]*store // one for each loop; does not change

	// observers are told of every exchange, at its end: on all loops, several at a time.
	// onlookers are told of those that are Remarkable.
	observers, onlookers []record.Observer

	running  admit.Running
	draining atomic.Bool                  // never taken back
	lastCall atomic.Int64                 // see LastCall; 0: not yet
	ready    atomic.Pointer[func() error] // nil: it always is
	// unreached is told which issuers were never reached; nil: nobody wants to know.
	unreached atomic.Pointer[func(which string)]
	telling   sync.Mutex // so that the last word is that of the last change
}

// NewEdge returns an edge without a configuration: Use gives it one. loops are
// all that its clients will be on. Each access line is one write to access, which is not to wait.
func NewEdge(log zerolog.Logger, access io.Writer, metrics *record.Metrics, loops []*wire.Loop) *Edge {
	e := &Edge{name: nameEdge(), log: log, access: record.NewAccessLog(access, len(loops)), metrics: metrics}
	e.registry = route.NewRegistry(loops)
	e.registry.Guard = identity.NewGuard(issuer.Options{Notify: e.keysChanged})
	e.registry.OnOldAnswer = record.NewOldAnswers(log).Tell
	e.registry.OnChange = e.upstreamChanged
	e.stores = map[*wire.Loop]*store{}
	for i, l := range loops {
		e.stores[l] = newStore(i)
		l.OnPanic(func(stack string) { log.Error().Str("stack", stack).Msg("panic on an event loop") })
	}
	e.onlookers = []record.Observer{record.NewRefusedPages(log), record.NewUnreachable(log)}
	metrics.Watch(e.Inflight, e.registry)
	metrics.WatchInstance(e.isReady, e.mostConnections)
	metrics.WatchCertificates(e.registry.Certificates)
	metrics.Registry.MustRegister(keyMetrics{e})
	return e
}

// upstreamChanged tells the operator of an upstream that is one of several.
func (e *Edge) upstreamChanged(name string, now upstream.Condition, left time.Duration) {
	if now.State == upstream.Closed {
		e.log.Info().Str("upstream", name).Msg("an upstream is asked again")
		return
	}
	e.log.Warn().Str("upstream", name).Str("cause", now.Cause.String()).Dur("left_alone_ms", left).Msg("an upstream is left alone")
}

// Offline has no issuer asked for its keys: an edge that serves nobody can do without.
// It is called before the first Compile.
func (e *Edge) Offline() { e.registry.Guard = identity.NewGuard(issuer.Options{Offline: true}) }

// Observe has o be told of every exchange that ends. It is called before the first Use.
func (e *Edge) Observe(o record.Observer) { e.observers = append(e.observers, o) }

// ObserveRemarkable has o be told of those that are Remarkable alone, so that the others do
// not pay for it. It is called before the first Use.
func (e *Edge) ObserveRemarkable(o record.Observer) { e.onlookers = append(e.onlookers, o) }

// OpenCredentials has open give out what the edge itself shows to upstreams, from the
// next Compile on. Without it *** stands in its place.
func (e *Edge) OpenCredentials(open func(name string, a config.Auth) (*upstream.Credential, func(), error)) {
	e.registry.OpenCredential = open
}

// OpenStores has open give out the store that replicas share, from the next Compile on.
// Without it each edge counts for itself.
func (e *Edge) OpenStores(open func(config.Shared) (route.Store, func(), error)) {
	e.registry.OpenStore = open
}

// Compile builds everything that conf needs and touches nothing that runs. The error
// lists every fault.
func (e *Edge) Compile(conf config.Config) (*route.Snapshot, error) {
	return e.registry.Compile(conf, e.metrics)
}

// Use makes s the configuration of every exchange that begins from now on. One that runs
// keeps the old snapshot, whose upstreams live until it lets go of their connections.
// Calls must not overlap.
func (e *Edge) Use(s *route.Snapshot) {
	e.metrics.Use(s.Hash, s.Metrics()) // first: a route counts from its first exchange on
	passOver(s)
	old := e.snapshot.Swap(s)
	log := s.Config.Log
	e.access.Switch(log.Access && (log.Level == "info" || log.Level == "debug")) // its lines are of level info
	if old != nil {
		e.registry.Release(old)
	}
	e.tellUnreached()
}

// Discard gives back what a snapshot that is not going to be used has taken.
func (e *Edge) Discard(s *route.Snapshot) { e.registry.Release(s) }

// Config returns the configuration in use.
func (e *Edge) Config() config.Config { return e.snapshot.Load().Config }

// Inflight returns how many exchanges run.
func (e *Edge) Inflight() int64 { return e.running.Count() }

// Drain makes every answer from now on the last one of its connection.
func (e *Edge) Drain() { e.draining.Store(true) }

// FollowReadiness has listen.health_path say what ready says: nil is ready.
func (e *Edge) FollowReadiness(ready func() error) { e.ready.Store(&ready) }

func (e *Edge) isReady() bool {
	ready := e.ready.Load()
	return ready == nil || (*ready)() == nil
}

// mostConnections is limits.connections, also of an edge that has no configuration yet.
func (e *Edge) mostConnections() int {
	if s := e.snapshot.Load(); s != nil {
		return s.Config.Limits.Connections
	}
	return 0
}

// LastCall has clients wait for at most idle for their next request, from now on; those
// who wait already are told by HearLastCall.
func (e *Edge) LastCall(idle time.Duration) { e.lastCall.Store(int64(idle)) }

// Draining reports whether Drain has been called.
func (e *Edge) Draining() bool { return e.draining.Load() }

// EndDrain lets nobody in any more, and marks what is aborted from now on as left over
// from the drain.
func (e *Edge) EndDrain() { e.running.End() }

// Close closes the idle connections to all upstreams.
func (e *Edge) Close() {
	if s := e.snapshot.Load(); s != nil {
		e.registry.Release(s)
	}
	e.registry.Guard.Sources().Close()
}

// tell has everybody who observes exchanges know of one that has ended. The access line
// comes last: whoever has read it finds all else that is told of its exchange.
func (e *Edge) tell(r *record.Record) {
	e.metrics.Observe(r)
	for _, o := range e.observers {
		o.Observe(r)
	}
	if r.Remarkable() {
		for _, o := range e.onlookers {
			o.Observe(r)
		}
	}
	if e.access.On() {
		e.access.Observe(r)
	}
}
