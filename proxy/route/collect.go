package route

import (
	"crypto/tls"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/proxy/upstream"
)

var (
	poolConns   = prometheus.NewDesc("apim_edge_upstream_connections", "Connections to the upstream: in_use, those being made included, or idle.", []string{"upstream", "state"}, nil)
	poolWaiting = prometheus.NewDesc("apim_edge_upstream_waiting", "Exchanges that wait for a connection to the upstream: for one that is made or that becomes free.", []string{"upstream"}, nil)
	poolEvents  = prometheus.NewDesc("apim_edge_upstream_connection_events_total",
		"What happened to connections: dialed, dial_failed, reused, found_dead, unasked (upstream sent bytes that nobody had asked for), old_answer (of DNS: no new one).", []string{"upstream", "event"}, nil)
)

// Describe implements prometheus.Collector.
func (g *Registry) Describe(ch chan<- *prometheus.Desc) {
	ch <- poolConns
	ch <- poolWaiting
	ch <- poolEvents
	for _, d := range healthDescs {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Two generations of one upstream can
// overlap during a reload; they are added up. What one that has left had counted
// goes with it, its connections are there until they are closed.
func (g *Registry) Collect(ch chan<- prometheus.Metric) {
	type connections struct{ open, idle, waiting int64 }
	type events struct{ dialed, failed, reused, dead, unasked, old int64 }
	states, counts := map[string]connections{}, map[string]events{}
	used := g.All()
	for _, u := range slices.Concat(used, g.left()) {
		s := states[u.Name]
		s.open += u.Open()
		s.idle += u.Idle()
		s.waiting += u.Waiting()
		states[u.Name] = s
	}
	collectHealth(ch, used)
	for _, u := range used {
		c := counts[u.Name]
		c.dialed += u.Stats.Dials.Load()
		c.failed += u.Stats.DialsFailed.Load()
		c.reused += u.Stats.Reused.Load()
		c.dead += u.Stats.FoundDead.Load()
		c.unasked += u.Stats.Unasked.Load()
		c.old += u.Stats.OldAnswers.Load()
		counts[u.Name] = c
	}
	for name, s := range states {
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(max(0, s.open-s.idle)), name, "in_use")
		ch <- prometheus.MustNewConstMetric(poolConns, prometheus.GaugeValue, float64(s.idle), name, "idle")
		ch <- prometheus.MustNewConstMetric(poolWaiting, prometheus.GaugeValue, float64(s.waiting), name)
	}
	for name, c := range counts {
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(c.dialed), name, "dialed")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(c.failed), name, "dial_failed")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(c.reused), name, "reused")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(c.dead), name, "found_dead")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(c.unasked), name, "unasked")
		ch <- prometheus.MustNewConstMetric(poolEvents, prometheus.CounterValue, float64(c.old), name, "old_answer")
	}
}

// left returns the upstreams that only exchanges use that run on.
func (g *Registry) left() []*upstream.Upstream {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	return slices.Clone(g.leaving)
}

// Certificates tells of those that upstreams are shown.
func (g *Registry) Certificates(tell func(key string, shown *tls.Certificate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.known {
		if h.TLS == nil {
			continue
		}
		for i := range h.TLS.Certificates {
			tell("upstreams."+h.Name+".tls", &h.TLS.Certificates[i])
		}
	}
}
