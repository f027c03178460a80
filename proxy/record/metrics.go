package record

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Metrics are the counters of the data path. Labels come from the configuration
// or from fixed sets, never from a request.
type Metrics struct {
	Registry *prometheus.Registry
	// Brief has the few of them that tell how an edge does over time. Gathering all takes far
	// longer (5.8 ms for 0.11 ms, one route on a busy machine): most series are of routes.
	Brief *prometheus.Registry

	requests   *prometheus.CounterVec
	decisions  *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	firstByte  *prometheus.HistogramVec
	events     *prometheus.CounterVec
	incomplete *prometheus.CounterVec
	errors     *prometheus.CounterVec
	cuts       *prometheus.CounterVec
	cancels    *prometheus.CounterVec
	retries    *prometheus.CounterVec
	strays     *prometheus.CounterVec
	preflights *prometheus.CounterVec
	refused    *prometheus.CounterVec
	limited    *prometheus.CounterVec
	hints      *prometheus.CounterVec
	tokens     *prometheus.CounterVec
	tokenParts *prometheus.CounterVec
	noTokens   *prometheus.CounterVec
	notes      map[rewrite.Notes]prometheus.Counter
	reloads    *prometheus.CounterVec
	configInfo *prometheus.GaugeVec
	clients    prometheus.Gauge
	turnedAway prometheus.Counter
	handshakes *prometheus.CounterVec
	admins     prometheus.Gauge

	lastReload, lastReloadSuccess prometheus.Gauge

	certificates certificates

	none *Route // of exchanges that end before their route is known

	mu      sync.Mutex
	routes  map[string]*Route // in use, by name
	leaving []*Route          // not in use any more, but with streams that run on
}

var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// vectors makes those of a registry.
type vectors struct{ *prometheus.Registry }

func (f vectors) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "apim_edge", Name: name, Help: help}, labels)
	f.MustRegister(v)
	return v
}

func (f vectors) histogram(name, help string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "apim_edge", Name: name, Help: help, Buckets: seconds}, []string{"route"})
	f.MustRegister(v)
	return v
}

func (f vectors) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "apim_edge", Name: name, Help: help}, labels)
	f.MustRegister(v)
	return v
}

// NewMetrics returns the metrics on a registry of their own. lost returns the
// access lines that could not be written.
func NewMetrics(version string, lost func() float64) *Metrics {
	f := vectors{prometheus.NewRegistry()}
	m := &Metrics{
		Registry: f.Registry, Brief: prometheus.NewRegistry(), notes: map[rewrite.Notes]prometheus.Counter{}, routes: map[string]*Route{},
		requests:   f.counter("requests_total", "Finished exchanges.", "route", "status", "code", "reason", "client"),
		decisions:  f.counter("decisions_total", "Exchanges whose credential was decided about, by what the upstream would miss without apim-edge.", "route", "repair", "client"),
		duration:   f.histogram("exchange_duration_seconds", "Time from the first byte of a request to the last byte of its answer."),
		firstByte:  f.histogram("first_byte_seconds", "Time from the first byte of a request to the upstream's response head."),
		events:     f.counter("events_total", "Server-sent events relayed.", "route"),
		incomplete: f.counter("streams_incomplete_total", "Event streams that ended in order but without their final event.", "route"),
		errors:     f.counter("errors_total", "Exchanges that ended with an error of the edge, by code.", "route", "upstream", "code"),
		cuts:       f.counter("cuts_total", "Answers that were aborted after their head, by cause and by the side at fault.", "route", "upstream", "cause", "side"),
		cancels:    f.counter("cancels_total", "Exchanges whose upstream was cancelled because the client left.", "route"),
		retries:    f.counter("retries_total", "Requests sent again because a kept connection had taken no byte, or had ended without one of an answer to what may run twice.", "route"),
		strays:     f.counter("bridge_strays_total", "Requests whose path a bridge has repaired, by what is wrong with the client's setting.", "route", "stray"),
		preflights: f.counter("preflights_total", "Preflights answered.", "route", "result"),
		refused:    f.counter("origins_refused_total", "Cross-origin requests of pages whose origin is not allowed.", "route"),
		limited:    f.counter("limit_refusals_total", "Requests refused by the limits of their route, by what refused: requests, concurrent or store, which is away.", "route", "limit"),
		hints:      f.counter("hints_total", "Refusals of upstreams (400, 401, 403, 404, 429), by what they are known as and whose they are.", "route", "hint", "owner"),
		tokens:     f.counter("usage_tokens_total", "Tokens that answers tell of, on routes with usage.", "route", "upstream", "model", "caller", "type"),
		tokenParts: f.counter("usage_parts_total", "Of these tokens, input that a cache had and output spent on reasoning.", "route", "upstream", "model", "caller", "type"),
		noTokens:   f.counter("usage_unknown_total", "Answers to POST on routes with usage whose tokens are not known, by reason.", "route", "reason"),
		reloads:    f.counter("reloads_total", "Configuration reloads.", "result"),
		configInfo: f.gauge("config_info", "1 for the configuration in use.", "hash"),
	}
	notes := f.counter("credential_notes_total", "Oddities seen in credentials.", "note")
	for _, n := range rewrite.AllNotes() {
		m.notes[n] = notes.WithLabelValues(n.String())
	}
	m.turnedAway = f.counter("client_connections_refused_total", "Connections of clients refused beyond limits.connections.").WithLabelValues()
	m.handshakes = f.counter("tls_handshakes_failed_total", "TLS handshakes with clients that failed, by reason.", "reason")
	m.process(f, version)
	f.MustRegister(
		(*streams)(m), &m.certificates,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "apim_edge", Name: "log_lines_lost_total", Help: "Log lines lost because the log could not be written, or not fast enough.",
		}, lost),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.Brief.MustRegister(m.requests, m.firstByte, (*streams)(m))
	m.none = m.Route(noRoute, noRoute)
	m.none.attach()
	return m
}

// noRoute is the label of what belongs to no route.
const noRoute = "none"

// process makes what is told of the process and not of its exchanges.
func (m *Metrics) process(f vectors, version string) {
	f.gauge("build_info", "1 for the version that runs.", "version").WithLabelValues(version).Set(1)
	m.clients = f.gauge("client_connections", "Open connections of clients.").WithLabelValues()
	m.admins = f.gauge("admin_connections", "Open connections to the admin listener.").WithLabelValues()
	m.lastReload = f.gauge("config_last_reload_successful", "1 if the last attempt to load the configuration succeeded, else 0.").WithLabelValues()
	m.lastReloadSuccess = f.gauge("config_last_reload_success_timestamp_seconds", "When the configuration in use was loaded.").WithLabelValues()
	m.lastReload.Set(1)
	m.lastReloadSuccess.SetToCurrentTime()
	m.reloads.WithLabelValues("ok") // so that the first one shows in increase()
	m.reloads.WithLabelValues("failed")
}

// Watch adds what is read from others at each scrape: how many exchanges run, and
// what pools tells of the connections to upstreams.
func (m *Metrics) Watch(inflight func() int64, pools prometheus.Collector) {
	m.Registry.MustRegister(pools)
	m.Brief.MustRegister(m.read("exchanges_inflight", "Exchanges that run.", func() float64 { return float64(inflight()) }))
}

// WatchInstance adds whether new exchanges should be sent here, and how many
// connections of clients may be open; 0: any number.
func (m *Metrics) WatchInstance(ready func() bool, connections func() int) {
	m.read("ready", "1 where /readyz says ready, else 0.", func() float64 {
		if ready() {
			return 1
		}
		return 0
	})
	m.read("client_connections_limit", "Most connections of clients at a time (limits.connections); 0: no limit.",
		func() float64 { return float64(connections()) })
}

func (m *Metrics) read(name, help string, value func() float64) prometheus.Collector {
	g := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "apim_edge", Name: name, Help: help}, value)
	m.Registry.MustRegister(g)
	return g
}

// Handshake is the counter of TLS handshakes with clients that failed for a reason.
func (m *Metrics) Handshake(reason string) prometheus.Counter {
	return m.handshakes.WithLabelValues(reason)
}

// Refused counts a connection of a client beyond limits.connections.
func (m *Metrics) Refused() { m.turnedAway.Inc() }

// Clients is the gauge of client connections.
func (m *Metrics) Clients() prometheus.Gauge { return m.clients }

// AdminConnections is the gauge of connections to the admin listener.
func (m *Metrics) AdminConnections() prometheus.Gauge { return m.admins }

// Reloaded counts a reload: "ok" or "failed".
func (m *Metrics) Reloaded(result string) {
	m.reloads.WithLabelValues(result).Inc()
	if result != "ok" {
		m.lastReload.Set(0)
		return
	}
	m.lastReload.Set(1)
	m.lastReloadSuccess.SetToCurrentTime()
}

// Route returns the metrics of a route: those in use, or new ones, which are not
// seen before Use.
func (m *Metrics) Route(name string, upstreams ...string) *Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.routes[name]; r != nil && slices.Equal(r.Upstreams, upstreams) {
		return r
	}
	return &Route{Name: name, Upstreams: upstreams, m: m}
}

// Use says which configuration is in use from now on. The series of routes that
// are not in it go; what still runs on them is counted as of no route.
func (m *Metrics) Use(hash string, routes []*Route) {
	m.configInfo.Reset()
	m.configInfo.WithLabelValues(hash).Set(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.routes
	m.routes = map[string]*Route{}
	for _, r := range routes {
		if m.routes[r.Name] = r; before[r.Name] != r {
			r.attach()
		}
	}
	for name, r := range before {
		if now := m.routes[name]; now != r {
			r.detach(now)
		}
	}
}

// Observe implements Observer.
func (m *Metrics) Observe(r *Record) {
	route := r.Route
	if route == nil || route.gone.Load() {
		route = m.none
	}
	route.request(r).Inc()
	route.duration.Observe(r.Duration.Seconds())
	if r.UpstreamStatus != 0 {
		route.firstByte.Observe(r.FirstByte.Seconds())
	}
	if r.Reason.Decided() {
		route.decision(repairOf(r.Reason, r.Notes), r.Client).Inc()
	}
	if r.Hint != hint.None {
		route.hints[r.Hint].Inc()
	}
	if r.Events > 0 {
		route.events.Add(float64(r.Events))
	}
	if r.Stray != "" {
		route.stray(r.Stray).Inc()
	}
	if r.Tokens != nil || r.NoTokens != NoReason {
		route.countTokens(r)
	}
	if r.Retries > 0 {
		route.retries.Add(float64(r.Retries))
	}
	switch {
	case r.Code != edgeerr.None:
		route.failed(r)
	case r.Ending == StreamIncomplete:
		route.incomplete.Inc()
	case r.Ending == Preflight:
		route.preflight(r.CORSRefused).Inc()
	}
	if r.Limit != "" {
		route.limit(r.Limit).Inc()
	}
	if r.CORSRefused == corsOrigin {
		route.refused.Inc()
	}
	for n := rewrite.Notes(1); n != 0 && n <= r.Notes; n <<= 1 {
		if r.Notes.Has(n) {
			m.notes[n].Inc()
		}
	}
}
