package proxy

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Metrics are the counters of the data path. Labels come from the configuration
// or from fixed sets, never from a request.
type Metrics struct {
	Registry *prometheus.Registry

	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	firstByte  *prometheus.HistogramVec
	events     *prometheus.CounterVec
	streams    *prometheus.GaugeVec
	incomplete *prometheus.CounterVec
	cuts       *prometheus.CounterVec
	cancels    *prometheus.CounterVec
	retries    *prometheus.CounterVec
	preflights *prometheus.CounterVec
	refused    *prometheus.CounterVec
	notes      *prometheus.CounterVec
	errors     []prometheus.Counter // by code
	reloads    *prometheus.CounterVec
	configInfo *prometheus.GaugeVec
	clients    prometheus.Gauge
	turnedAway prometheus.Counter
	admins     prometheus.Gauge

	lastReload, lastReloadSuccess prometheus.Gauge
}

var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// NewMetrics returns the metrics on a registry of their own. lost returns the
// access lines that could not be written.
func NewMetrics(version string, lost func() float64) *Metrics {
	r := prometheus.NewRegistry()
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "apim_edge", Name: name, Help: help}, labels)
		r.MustRegister(v)
		return v
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "apim_edge", Name: name, Help: help, Buckets: seconds,
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"route"})
		r.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "apim_edge", Name: name, Help: help}, labels)
		r.MustRegister(v)
		return v
	}
	m := &Metrics{
		Registry:   r,
		requests:   counter("requests_total", "Finished exchanges.", "route", "status", "reason", "client"),
		duration:   histogram("exchange_duration_seconds", "Time from the first byte of a request to the last byte of its answer."),
		firstByte:  histogram("first_byte_seconds", "Time from the first byte of a request to the upstream's response head."),
		events:     counter("events_total", "Server-sent events relayed.", "route"),
		streams:    gauge("streams_open", "Event streams and tunnels being relayed.", "route"),
		incomplete: counter("streams_incomplete_total", "Event streams that ended in order but without their final event.", "route"),
		cuts:       counter("cuts_total", "Answers that were aborted after their head, by cause and by the side at fault.", "cause", "side"),
		cancels:    counter("cancels_total", "Exchanges whose upstream was cancelled because the client left.", "route"),
		retries:    counter("retries_total", "Requests sent again because a pooled connection had not taken a byte.", "route"),
		preflights: counter("preflights_total", "Preflights answered.", "route", "result"),
		refused:    counter("origins_refused_total", "Cross-origin requests of pages whose origin is not allowed.", "route"),
		notes:      counter("credential_notes_total", "Oddities seen in credentials.", "note"),
		reloads:    counter("reloads_total", "Configuration reloads.", "result"),
		configInfo: gauge("config_info", "1 for the configuration in use.", "hash"),
	}
	failures := counter("errors_total", "Exchanges that ended with an error of the edge, by code.", "code")
	m.errors = make([]prometheus.Counter, slices.Max(edgeerr.Codes())+1)
	for _, c := range edgeerr.Codes() {
		m.errors[c] = failures.WithLabelValues(c.String())
	}
	m.process(gauge, version)
	m.turnedAway = counter("client_connections_refused_total", "Connections of clients refused beyond limits.connections.").WithLabelValues()
	r.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "apim_edge", Name: "log_lines_lost_total", Help: "Log lines lost because the log could not be written, or not fast enough.",
		}, lost),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// process makes what is told of the process and not of its exchanges.
func (m *Metrics) process(gauge func(name, help string, labels ...string) *prometheus.GaugeVec, version string) {
	gauge("build_info", "1 for the version that runs.", "version").WithLabelValues(version).Set(1)
	m.clients = gauge("client_connections", "Open connections of clients.").WithLabelValues()
	m.admins = gauge("admin_connections", "Open connections to the admin listener.").WithLabelValues()
	m.lastReload = gauge("config_last_reload_successful", "1 if the last attempt to load the configuration succeeded, else 0.").WithLabelValues()
	m.lastReloadSuccess = gauge("config_last_reload_success_timestamp_seconds", "When the configuration in use was loaded.").WithLabelValues()
	m.lastReload.Set(1)
	m.lastReloadSuccess.SetToCurrentTime()
	m.reloads.WithLabelValues("ok") // so that the first one shows in increase()
	m.reloads.WithLabelValues("failed")
}

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

func (m *Metrics) using(hash string) {
	m.configInfo.Reset()
	m.configInfo.WithLabelValues(hash).Set(1)
}

// observe adds what is read from the edge at each scrape.
func (m *Metrics) observe(e *Edge) {
	m.Registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "apim_edge", Name: "exchanges_inflight", Help: "Exchanges that run.",
		}, func() float64 { return float64(e.Inflight()) }),
		&pools{edge: e},
	)
}

// pools reports the connections to each upstream.
type pools struct{ edge *Edge }

var (
	poolConns  = prometheus.NewDesc("apim_edge_upstream_connections", "Connections to the upstream.", []string{"upstream", "state"}, nil)
	poolEvents = prometheus.NewDesc("apim_edge_upstream_connection_events_total",
		"What happened to connections: dialed, dial_failed, reused, found_dead, unasked (upstream sent bytes that nobody had asked for).", []string{"upstream", "event"}, nil)
)

// Describe implements prometheus.Collector.
func (p *pools) Describe(ch chan<- *prometheus.Desc) {
	ch <- poolConns
	ch <- poolEvents
}

// Collect implements prometheus.Collector. Two generations of one upstream can
// overlap during a reload; they are added up.
func (p *pools) Collect(ch chan<- prometheus.Metric) {
	type sum struct{ open, idle, dialed, failed, reused, dead, unasked int64 }
	sums := map[string]sum{}
	for _, u := range p.edge.upstreams() {
		s := sums[u.Name]
		s.open += u.Open()
		s.idle += u.Idle()
		s.dialed += u.Stats.Dials.Load()
		s.failed += u.Stats.DialsFailed.Load()
		s.reused += u.Stats.Reused.Load()
		s.dead += u.Stats.FoundDead.Load()
		s.unasked += u.Stats.Unasked.Load()
		sums[u.Name] = s
	}
	for name, s := range sums {
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(s.open), name, "open")
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(s.idle), name, "idle")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(s.dialed), name, "dialed")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(s.failed), name, "dial_failed")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(s.reused), name, "reused")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(s.dead), name, "found_dead")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(s.unasked), name, "unasked")
	}
}

// routeMetrics are the metrics of one route with their labels resolved, so that
// an exchange adds to them without looking anything up.
type routeMetrics struct {
	m    *Metrics
	name string

	duration, firstByte                                prometheus.Observer
	events, incomplete, cancels, retries, originRefuse prometheus.Counter
	streams                                            prometheus.Gauge
	requests                                           []outcomes // by reason; the first for none
}

// outcomes are the counters of one reason, by class of status and family.
type outcomes [len(statusClasses)][familyCount]atomic.Pointer[prometheus.Counter]

func (m *Metrics) route(name string) *routeMetrics {
	return &routeMetrics{
		m: m, name: name,
		duration: m.duration.WithLabelValues(name), firstByte: m.firstByte.WithLabelValues(name),
		events: m.events.WithLabelValues(name), incomplete: m.incomplete.WithLabelValues(name),
		cancels: m.cancels.WithLabelValues(name), retries: m.retries.WithLabelValues(name),
		originRefuse: m.refused.WithLabelValues(name), streams: m.streams.WithLabelValues(name),
		requests: make([]outcomes, 1+len(rewrite.Reasons())),
	}
}

var statusClasses = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// request returns the counter for one outcome, made when it is first needed.
func (r *routeMetrics) request(reason int, text string, status int, f family) prometheus.Counter {
	class := min(status/100, len(statusClasses)-1)
	at := &r.requests[reason][class][f]
	if c := at.Load(); c != nil {
		return *c
	}
	c := r.m.requests.WithLabelValues(r.name, statusClasses[class], text, f.String())
	at.Store(&c)
	return c
}

// noRoute are the metrics of exchanges that ended before a route was known.
func (x *Exchange) metricsOf() *routeMetrics {
	if x.route != nil {
		return x.route.metrics
	}
	return x.edge.noRoute
}

// count adds a finished exchange to the metrics.
func (x *Exchange) count(code edgeerr.Code, took time.Duration) {
	m := x.metricsOf()
	reason, text := 0, "undecided"
	if x.decided {
		reason, text = int(x.reason)+1, x.reason.String()
	}
	m.request(reason, text, x.status, x.notes.family).Inc()
	m.duration.Observe(took.Seconds())
	if x.upstreamStatus != 0 {
		m.firstByte.Observe(x.firstByte.Seconds())
	}
	if x.events.Count > 0 {
		m.events.Add(float64(x.events.Count))
	}
	if code != edgeerr.None {
		x.countError(code)
	} else if x.streamIncomplete() {
		m.incomplete.Inc()
	}
}

// countError adds an exchange that ended with an error.
func (x *Exchange) countError(code edgeerr.Code) {
	m := x.metricsOf()
	m.m.errors[code].Inc()
	if code == edgeerr.ClientLeft && x.sent {
		m.cancels.Inc()
	}
	if code.Status() == 0 && x.relayed {
		m.m.cuts.WithLabelValues(code.String(), sideOf(code)).Inc()
	}
}

func sideOf(code edgeerr.Code) string {
	switch code {
	case edgeerr.ClientLeft, edgeerr.ClientStalled:
		return "client"
	case edgeerr.DrainAborted:
		return "edge"
	}
	return "upstream"
}

// streamIncomplete tells that an event stream ended in order but without the
// event that ends an OpenAI stream: most SDKs take it for complete.
func (x *Exchange) streamIncomplete() bool {
	return x.stream && x.status == 200 && !x.head && !x.encoded && !x.events.Final
}

// refusedOrigin counts a page whose origin is not allowed and says, a few times a
// minute, which line would allow it.
func (x *Exchange) refusedOrigin(origin []byte) {
	x.metricsOf().originRefuse.Inc()
	if !isOrigin(origin) {
		origin = []byte("(not an origin)") // it could hold a secret, which no browser sends
	}
	x.edge.origins.Warn().Str("route", x.route.name).Bytes("origin", forLog(origin, originBytes)).
		Str("to_allow_it", "add the origin to routes."+x.route.name+".cors.allowed_origins").
		Msg("a page of an origin that is not allowed was refused")
}

func (x *Exchange) refusedPreflight(cause string) {
	x.refusal = cause
	result := "refused_" + cause
	if cause == corsx.CauseOrigin {
		x.refusedOrigin(x.req.origin)
	}
	x.metricsOf().m.preflights.WithLabelValues(x.route.name, result).Inc()
}

func (x *Exchange) countNotes(n rewrite.Notes) {
	for bit := rewrite.Notes(1); bit <= n && bit != 0; bit <<= 1 {
		if n.Has(bit) {
			x.metricsOf().m.notes.WithLabelValues(bit.String()).Inc()
		}
	}
}
