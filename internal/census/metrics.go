package census

import "github.com/prometheus/client_golang/prometheus"

var (
	descRows   = prometheus.NewDesc("apim_edge_census_rows", "Rows of the census.", nil, nil)
	descOthers = prometheus.NewDesc("apim_edge_census_others", "Exchanges that the census has counted without a row of their own, as it had no room.", nil, nil)
	descLost   = prometheus.NewDesc("apim_edge_census_lost_total", "Exchanges that the census could not count, because they came faster than it counts.", nil, nil)
	descSaves  = prometheus.NewDesc("apim_edge_census_saves_total", "Attempts to save the census, by result.", []string{"result"}, nil)
	descLast   = prometheus.NewDesc("apim_edge_census_last_save_timestamp_seconds", "When the census was last saved; 0: not since the start.", nil, nil)
	descFaults = prometheus.NewDesc("apim_edge_census_faults_total", "Lines of the file of the census that could not be read at the start.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *Census) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRows, descOthers, descLost, descSaves, descLast, descFaults} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Census) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	rows, others := len(c.table.list), int64(0)
	if c.table.others != nil {
		others = c.table.others.Counts.Total()
	}
	c.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descRows, float64(rows))
	gauge(descOthers, float64(others))
	counter(descLost, c.lostNow())
	counter(descSaves, c.file.saved.Load(), "ok")
	counter(descSaves, c.file.failed.Load(), "failed")
	gauge(descLast, float64(c.file.last.Load()))
	counter(descFaults, c.file.faults.Load())
}
