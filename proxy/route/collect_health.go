package route

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/proxy/upstream"
)

var (
	healthState = prometheus.NewDesc("apim_edge_upstream_state",
		"1 for the state of an upstream that is one of several, else 0: closed (it is asked), half_open (one request sees how it is), open (it is left alone).", []string{"upstream", "state"}, nil)
	healthLeft = prometheus.NewDesc("apim_edge_upstream_left_alone_seconds",
		"For how long an upstream that is one of several is still left alone, and why.", []string{"upstream", "cause"}, nil)
	healthOpened = prometheus.NewDesc("apim_edge_upstream_opened_total",
		"How often an upstream that is one of several was left alone from then on, by cause.", []string{"upstream", "cause"}, nil)
	healthThrottled = prometheus.NewDesc("apim_edge_upstream_throttled_total", "Answers of 429 of an upstream that is one of several.", []string{"upstream"}, nil)
	healthCallers   = prometheus.NewDesc("apim_edge_upstream_throttled_callers", "Callers for whom an upstream that is one of several is left alone; all are one where it sees a credential of the edge's own.", []string{"upstream"}, nil)
	healthMoved     = prometheus.NewDesc("apim_edge_upstream_moved_total", "Requests that went to another upstream because of what this one did.", []string{"upstream"}, nil)
)

var healthDescs = []*prometheus.Desc{healthState, healthLeft, healthOpened, healthThrottled, healthCallers, healthMoved}

// collectHealth tells of upstreams that are one of several. Of two generations of one the
// last is told of.
func collectHealth(ch chan<- prometheus.Metric, used []*upstream.Upstream) {
	last := map[string]*upstream.Health{}
	for _, u := range used {
		if u.Health.Chosen() {
			last[u.Name] = u.Health
		}
	}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	for name, h := range last {
		now := h.Condition()
		for _, s := range upstream.States {
			value := 0.0
			if s == now.State {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(healthState, gauge, value, name, s.String())
		}
		for _, c := range upstream.Causes {
			left := 0.0
			if c == now.Cause {
				left = max(0, (now.Until - h.Clock()).Seconds())
			}
			ch <- prometheus.MustNewConstMetric(healthLeft, gauge, left, name, c.String())
			ch <- prometheus.MustNewConstMetric(healthOpened, counter, float64(h.Opened[c].Load()), name, c.String())
		}
		ch <- prometheus.MustNewConstMetric(healthThrottled, counter, float64(h.Throttled.Load()), name)
		ch <- prometheus.MustNewConstMetric(healthCallers, gauge, float64(h.Throttling()), name)
		ch <- prometheus.MustNewConstMetric(healthMoved, counter, float64(h.Moved.Load()), name)
	}
}
