package record

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

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
	notes      map[rewrite.Notes]prometheus.Counter
	errors     map[edgeerr.Code]prometheus.Counter
	reloads    *prometheus.CounterVec
	configInfo *prometheus.GaugeVec
	clients    prometheus.Gauge
	turnedAway prometheus.Counter
	handshakes *prometheus.CounterVec
	admins     prometheus.Gauge

	lastReload, lastReloadSuccess prometheus.Gauge

	none *Route // of exchanges that end before their route is known
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
		Registry: r, errors: map[edgeerr.Code]prometheus.Counter{}, notes: map[rewrite.Notes]prometheus.Counter{},
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
		reloads:    counter("reloads_total", "Configuration reloads.", "result"),
		configInfo: gauge("config_info", "1 for the configuration in use.", "hash"),
	}
	failures := counter("errors_total", "Exchanges that ended with an error of the edge, by code.", "code")
	for _, c := range edgeerr.Codes() {
		m.errors[c] = failures.WithLabelValues(c.String())
	}
	notes := counter("credential_notes_total", "Oddities seen in credentials.", "note")
	for _, n := range rewrite.AllNotes() {
		m.notes[n] = notes.WithLabelValues(n.String())
	}
	m.turnedAway = counter("client_connections_refused_total", "Connections of clients refused beyond limits.connections.").WithLabelValues()
	m.handshakes = counter("tls_handshakes_failed_total", "TLS handshakes with clients that failed, by reason.", "reason")
	m.process(gauge, version)
	r.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "apim_edge", Name: "log_lines_lost_total", Help: "Log lines lost because the log could not be written, or not fast enough.",
		}, lost),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.none = m.Route("none")
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

// Watch adds what is read from others at each scrape: how many exchanges run, and
// what pools tells of the connections to upstreams.
func (m *Metrics) Watch(inflight func() int64, pools prometheus.Collector) {
	m.Registry.MustRegister(pools, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "apim_edge", Name: "exchanges_inflight", Help: "Exchanges that run.",
	}, func() float64 { return float64(inflight()) }))
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

// Using says which configuration is in use from now on.
func (m *Metrics) Using(hash string) {
	m.configInfo.Reset()
	m.configInfo.WithLabelValues(hash).Set(1)
}

// Route is one route as the metrics know it: with its labels resolved, so that an
// exchange adds to them without looking anything up.
type Route struct {
	Name string
	// Streams counts the event streams and tunnels that are open.
	Streams prometheus.Gauge
	m       *Metrics

	duration, firstByte                                prometheus.Observer
	events, incomplete, cancels, retries, originRefuse prometheus.Counter
	requests                                           [rewrite.ReasonCount][len(statusClasses)][familyCount]atomic.Pointer[prometheus.Counter]
}

// Route returns the metrics of the route of a name.
func (m *Metrics) Route(name string) *Route {
	return &Route{
		m: m, Name: name,
		duration: m.duration.WithLabelValues(name), firstByte: m.firstByte.WithLabelValues(name),
		events: m.events.WithLabelValues(name), incomplete: m.incomplete.WithLabelValues(name),
		cancels: m.cancels.WithLabelValues(name), retries: m.retries.WithLabelValues(name),
		originRefuse: m.refused.WithLabelValues(name), Streams: m.streams.WithLabelValues(name),
	}
}

var statusClasses = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// request returns the counter for one outcome, made when it is first needed.
func (r *Route) request(reason rewrite.Reason, status int, f Family) prometheus.Counter {
	class := min(status/100, len(statusClasses)-1)
	at := &r.requests[reason][class][f]
	if c := at.Load(); c != nil {
		return *c
	}
	c := r.m.requests.WithLabelValues(r.Name, statusClasses[class], reason.String(), f.String())
	at.Store(&c)
	return c
}

// Observe implements Observer.
func (m *Metrics) Observe(r *Record) {
	route := r.Route
	if route == nil {
		route = m.none
	}
	route.request(r.Reason, r.Status, r.Client).Inc()
	route.duration.Observe(r.Duration.Seconds())
	if r.UpstreamStatus != 0 {
		route.firstByte.Observe(r.FirstByte.Seconds())
	}
	if r.Events > 0 {
		route.events.Add(float64(r.Events))
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
		route.preflight(r.CORSRefused)
	}
	if r.CORSRefused == corsOrigin {
		route.originRefuse.Inc()
	}
	if r.Notes != 0 {
		m.note(r.Notes)
	}
}

// corsOrigin is the value of CORSRefused for an origin.
const corsOrigin = "origin"

// failed adds an exchange that has ended with an error.
func (r *Route) failed(of *Record) {
	r.m.errors[of.Code].Inc()
	if of.Code == edgeerr.ClientLeft && of.Sent {
		r.cancels.Inc()
	}
	if of.Cut {
		r.m.cuts.WithLabelValues(of.Code.String(), of.Code.Source().String()).Inc()
	}
}

func (r *Route) preflight(refused string) {
	result := "allowed"
	if refused != "" {
		result = "refused_" + refused
	}
	r.m.preflights.WithLabelValues(r.Name, result).Inc()
}

// note adds what was odd about the credentials of an exchange.
func (m *Metrics) note(seen rewrite.Notes) {
	for n := rewrite.Notes(1); n != 0 && n <= seen; n <<= 1 {
		if seen.Has(n) {
			m.notes[n].Inc()
		}
	}
}
