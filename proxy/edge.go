// Package proxy is the data path of apim-edge: what happens between a client's
// request and the upstream's answer. ARCHITECTURE.md tells the life of one
// exchange; story is the same in code.
package proxy

import (
	"errors"
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
	log      zerolog.Logger // for the operator
	origins  zerolog.Logger // refused origins: a few a minute
	access   zerolog.Logger // one line per exchange
	metrics  *Metrics
	stores   map[*wire.Loop]*store // one for each loop; does not change
	noRoute  *routeMetrics         // for exchanges that end before a route is known

	inflight atomic.Int64
	draining atomic.Bool
	stopping atomic.Bool // the drain is over: what still runs is aborted
}

// NewEdge returns an edge without a configuration: Use gives it one. loops are
// all that its clients will be on.
func NewEdge(log, access zerolog.Logger, metrics *Metrics, loops []*wire.Loop) *Edge {
	e := &Edge{log: log, access: access, metrics: metrics}
	e.registry = registry{loops: loops, known: map[string]*handle{}}
	e.stores = map[*wire.Loop]*store{}
	for _, l := range loops {
		e.stores[l] = &store{parser: newParser()}
		l.OnPanic(func(stack string) { log.Error().Str("stack", stack).Msg("panic on an event loop") })
	}
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

// story is one exchange, in the order of the wire. Each step runs once, or until
// it no longer returns wire.ErrWait; any other error ends the exchange: finish
// then answers, or aborts if the head is out.
var story = [...]func(*Exchange) error{
	(*Exchange).readHead,        // from the client; refuse what two parsers could read differently
	(*Exchange).findRoute,       // by host and path, in the snapshot that holds to the end
	(*Exchange).answerPreflight, // at the edge; the upstream is never asked
	(*Exchange).checkUpgrade,    // of a page: CORS does not cover WebSockets
	(*Exchange).admit,           // within limits
	(*Exchange).decide,          // what becomes of the credentials
	(*Exchange).forward,         // head and body to the upstream
	(*Exchange).awaitHead,       // the upstream's response head
	(*Exchange).relay,           // head and body to the client, as they come
}

// advance goes on with the story until it has to wait. It tells whether the
// exchange is over, and the client's connection free for what follows.
func (x *Exchange) advance() (over bool) {
	err := x.interruption()
	for err == nil && x.step < len(story) {
		if err = story[x.step](x); err == nil {
			x.step++
		}
	}
	switch err {
	case wire.ErrWait:
		return false
	case errAnswered:
		err = nil
	}
	x.end(err)
	return true
}

// errAnswered ends the story early and well.
var errAnswered = errors.New("answered at the edge")

// interruption returns what has happened to the exchange while it waited.
func (x *Exchange) interruption() error {
	if x.admitted && x.client.Left() {
		return edgeerr.Wrap(edgeerr.ClientLeft, errLeft)
	}
	if x.upload != nil && x.upload.active {
		return x.goOnUploading()
	}
	return nil
}

var errLeft = errors.New("the client closed its connection")

// findRoute loads the snapshot, once, and keeps what outlives the head.
func (x *Exchange) findRoute() (err error) {
	x.snap = x.edge.snapshot.Load()
	x.route, err = x.snap.match(x.req)
	x.note()
	return err
}

// admit counts the exchange and refuses it beyond limits.exchanges, and refuses
// a body that says of itself that it is too large.
func (x *Exchange) admit() error {
	n := x.edge.inflight.Add(1)
	x.admitted = true
	switch limit := x.snap.config.Limits.Exchanges; {
	case x.edge.stopping.Load():
		return edgeerr.New(edgeerr.EdgeDraining, "")
	case limit > 0 && n > int64(limit):
		return edgeerr.New(edgeerr.EdgeOverloaded, "limits.exchanges is reached; wait and repeat, or raise it")
	}
	if limit := x.route.bodyLimit; limit > 0 && x.req.length > limit {
		return edgeerr.New(edgeerr.BodyTooLarge, "")
	}
	return nil
}

// decide applies the credential rules and refuses what they refuse.
func (x *Exchange) decide() error {
	x.decision = x.route.credential.Decide(x.req.fields, x.req.query)
	x.reason, x.notesSeen, x.decided = x.decision.Reason, x.decision.Notes, true
	x.login = x.logsIn()
	if !x.decision.Rejected() {
		return nil
	}
	return edgeerr.New(codeOf(x.decision.Reason), x.decision.Problem.String())
}
