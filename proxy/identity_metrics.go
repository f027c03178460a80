package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// keyMetrics tells at each scrape how the keys of issuers are, and how many tokens were
// judged. Labels are what the configuration names.
type keyMetrics struct{ edge *Edge }

var (
	issuerKeys = prometheus.NewDesc("apim_edge_issuer_keys", "Keys of an issuer that are in use; 0: it was never reached.", []string{"issuer"}, nil)
	issuerAge  = prometheus.NewDesc("apim_edge_issuer_keys_age_seconds", "Time since the keys of an issuer were had last.", []string{"issuer"}, nil)
	issuerAsks = prometheus.NewDesc("apim_edge_issuer_questions_total", "Questions to an issuer for its keys, by result: ok or failed.", []string{"issuer", "result"}, nil)
	tokensSeen = prometheus.NewDesc("apim_edge_tokens_total", "Tokens judged: fresh ones were verified, known ones had been.", []string{"token"}, nil)
)

// Describe implements prometheus.Collector.
func (m keyMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{issuerKeys, issuerAge, issuerAsks, tokensSeen} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m keyMetrics) Collect(ch chan<- prometheus.Metric) {
	guard := m.edge.registry.Guard
	for _, s := range guard.Sources().States() {
		ref := s.Place.Ref
		ch <- prometheus.MustNewConstMetric(issuerKeys, prometheus.GaugeValue, float64(s.Keys), ref)
		if !s.At.IsZero() {
			ch <- prometheus.MustNewConstMetric(issuerAge, prometheus.GaugeValue, time.Since(s.At).Seconds(), ref)
		}
		ch <- prometheus.MustNewConstMetric(issuerAsks, prometheus.CounterValue, float64(s.Asked-s.Failed), ref, "ok")
		ch <- prometheus.MustNewConstMetric(issuerAsks, prometheus.CounterValue, float64(s.Failed), ref, "failed")
	}
	ch <- prometheus.MustNewConstMetric(tokensSeen, prometheus.CounterValue, float64(guard.Fresh.Load()), "fresh")
	ch <- prometheus.MustNewConstMetric(tokensSeen, prometheus.CounterValue, float64(guard.Repeated.Load()), "known")
}
