package record

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificates collects when the certificates that the edge shows expire. They are
// asked for at each scrape, so that what was reloaded needs no notice.
type certificates struct {
	mu      sync.Mutex
	sources []Certificates
}

// Certificates tells of certificates in use, each by the part of the configuration
// that names it.
type Certificates func(tell func(key string, shown *tls.Certificate))

var expiry = prometheus.NewDesc("apim_edge_certificate_expiry_timestamp_seconds",
	"When a certificate that apim-edge shows expires, or the first of its chain does.", []string{"key"}, nil)

// WatchCertificates adds a source.
func (m *Metrics) WatchCertificates(source Certificates) {
	m.certificates.mu.Lock()
	defer m.certificates.mu.Unlock()
	m.certificates.sources = append(m.certificates.sources, source)
}

// Describe implements prometheus.Collector.
func (c *certificates) Describe(ch chan<- *prometheus.Desc) { ch <- expiry }

// Collect implements prometheus.Collector. Of two that have one key during a
// reload, the earlier one is told.
func (c *certificates) Collect(ch chan<- prometheus.Metric) {
	first := map[string]time.Time{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, source := range c.sources {
		source(func(key string, shown *tls.Certificate) {
			for _, der := range shown.Certificate {
				one, err := x509.ParseCertificate(der)
				if err != nil {
					continue // it was loaded as part of a chain; nobody parses the rest
				}
				if at, ok := first[key]; !ok || one.NotAfter.Before(at) {
					first[key] = one.NotAfter
				}
			}
		})
	}
	for key, at := range first {
		ch <- prometheus.MustNewConstMetric(expiry, prometheus.GaugeValue, float64(at.Unix()), key)
	}
}
