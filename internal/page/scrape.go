package page

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// scrape are the metrics of one moment, by name without the prefix of the edge.
type scrape map[string][]*dto.Metric

const prefix = "apim_edge_"

func scrapeOf(g prometheus.Gatherer) scrape {
	families, _ := g.Gather() // what could be had, if not all
	s := scrape{}
	for _, f := range families {
		name := f.GetName()
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			name = name[len(prefix):]
		}
		s[name] = f.GetMetric()
	}
	return s
}

// labels select series: pairs of a name and its value.
type labels []string

func (l labels) fit(m *dto.Metric) bool {
	for i := 0; i < len(l); i += 2 {
		if label(m, l[i]) != l[i+1] {
			return false
		}
	}
	return true
}

func label(m *dto.Metric, name string) string {
	for _, p := range m.GetLabel() {
		if p.GetName() == name {
			return p.GetValue()
		}
	}
	return ""
}

// value returns that of a counter or gauge.
func value(m *dto.Metric) float64 {
	if c := m.GetCounter(); c != nil {
		return c.GetValue()
	}
	return m.GetGauge().GetValue()
}

// sum adds the series of a metric that fit.
func (s scrape) sum(name string, l ...string) (sum float64) {
	for _, m := range s[name] {
		if labels(l).fit(m) {
			sum += value(m)
		}
	}
	return sum
}

// by adds the series that fit by the values of one label.
func (s scrape) by(name, by string, l ...string) map[string]float64 {
	sums := map[string]float64{}
	for _, m := range s[name] {
		if labels(l).fit(m) {
			sums[label(m, by)] += value(m)
		}
	}
	return sums
}

// times adds the histograms that fit.
func (s scrape) times(name string, l ...string) times {
	sum := map[float64]float64{}
	var t times
	for _, m := range s[name] {
		h := m.GetHistogram()
		if h == nil || !labels(l).fit(m) {
			continue
		}
		for _, b := range h.GetBucket() {
			sum[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
		t.all += float64(h.GetSampleCount())
	}
	t.bounds = slices.Sorted(maps.Keys(sum))
	for _, bound := range t.bounds {
		t.counts = append(t.counts, sum[bound])
	}
	return t
}

// times are how long things took: how many took at most each bound, and how many there
// were.
type times struct {
	bounds, counts []float64
	all            float64
}

// since returns what has come since an earlier moment. What went down was counted anew: a
// reload has taken a route away.
func (t times) since(before times) times {
	d := times{bounds: t.bounds, all: max(0, t.all-before.all), counts: make([]float64, len(t.counts))}
	for i := range t.counts {
		d.counts[i] = t.counts[i]
		if len(before.counts) == len(t.counts) {
			d.counts[i] = max(0, t.counts[i]-before.counts[i])
		}
	}
	return d
}

// quantile returns how long a share of all took at most, as histogram_quantile of
// Prometheus does; false: nothing came.
func (t times) quantile(share float64) (seconds float64, ok bool) {
	if t.all <= 0 || len(t.bounds) == 0 {
		return 0, false
	}
	rank, below, lower := share*t.all, 0.0, 0.0
	for i, bound := range t.bounds {
		if t.counts[i] >= rank {
			if t.counts[i] == below {
				return bound, true
			}
			return lower + (bound-lower)*(rank-below)/(t.counts[i]-below), true
		}
		below, lower = t.counts[i], bound
	}
	return lower, true // beyond the last bound
}
