package keyring

import "github.com/prometheus/client_golang/prometheus"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("apim_edge_upstream_credential_"+name, help, labels, nil)
}

// The metrics. key is how the configuration names a value: value, secondary or
// managed_identity.
var (
	usableDesc   = desc("usable", "1 where apim-edge has the value that it shows to the upstream, else 0.", "upstream", "key")
	gotDesc      = desc("got_timestamp_seconds", "When the value was last given out: its age is time() less that.", "upstream", "key")
	expiresDesc  = desc("expires_timestamp_seconds", "When the value ends, where it does.", "upstream", "key")
	failuresDesc = desc("fetch_failures_total", "Attempts to get the value that failed.", "upstream", "key")
	refusedDesc  = desc("refused_total", "Answers of 401 where the value was shown.", "upstream", "key")
	secondDesc   = desc("secondary_in_use", "1 while the secondary value is shown in place of the first, else 0.", "upstream")
)

// Describe implements prometheus.Collector.
func (r *Ring) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{usableDesc, gotDesc, expiresDesc, failuresDesc, refusedDesc, secondDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (r *Ring) Collect(ch chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := map[string]*entry{} // a reload has the next one beside the last for a moment
	for _, e := range r.entries {
		newest[e.name] = e
	}
	for _, e := range newest {
		e.collect(ch)
	}
}

func (e *entry) collect(ch chan<- prometheus.Metric) {
	var refused [2]int64
	refused[0], refused[1] = e.credential.Refusals()
	for i, v := range e.values {
		key := [...]string{"value", "secondary"}[i]
		if v.ref == "" {
			key = "managed_identity"
		}
		state := v.State()
		send := func(d *prometheus.Desc, kind prometheus.ValueType, n float64) {
			ch <- prometheus.MustNewConstMetric(d, kind, n, e.name, key)
		}
		send(usableDesc, prometheus.GaugeValue, truth(!state.Value.IsZero()))
		send(failuresDesc, prometheus.CounterValue, float64(state.Failures))
		send(refusedDesc, prometheus.CounterValue, float64(refused[i]))
		if !state.Got.IsZero() {
			send(gotDesc, prometheus.GaugeValue, float64(state.Got.Unix()))
		}
		if !state.Expires.IsZero() {
			send(expiresDesc, prometheus.GaugeValue, float64(state.Expires.Unix()))
		}
	}
	if len(e.values) > 1 {
		ch <- prometheus.MustNewConstMetric(secondDesc, prometheus.GaugeValue, truth(e.credential.Shown().Second()), e.name)
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
