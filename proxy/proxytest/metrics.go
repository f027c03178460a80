package proxytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Metric returns the sum over all series that have the labels of
// name{label="value",...}.
func (e *Edge) Metric(name string) (sum float64) {
	e.T.Helper()
	name, rest, _ := strings.Cut(name, "{")
	labels := strings.FieldsFunc(strings.TrimSuffix(rest, "}"), func(r rune) bool { return r == ',' })
	for series, value := range e.values() {
		lacks := func(label string) bool { return !strings.Contains(series, label) }
		if of, _, _ := strings.Cut(series, "{"); of == name && !slices.ContainsFunc(labels, lacks) {
			sum += value
		}
	}
	return sum
}

// Series returns the names of all series.
func (e *Edge) Series() []string {
	e.T.Helper()
	return slices.Collect(maps.Keys(e.values()))
}

func (e *Edge) values() map[string]float64 {
	e.T.Helper()
	families, err := e.metrics.Registry.Gather()
	if err != nil {
		e.T.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			all[seriesName(family.GetName(), m)] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

func seriesName(name string, m *dto.Metric) string {
	if len(m.GetLabel()) == 0 {
		return name
	}
	var labels []string
	for _, l := range m.GetLabel() {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// WantMetric waits until the metric has the value: it is counted just after the
// client has its answer.
func (e *Edge) WantMetric(name string, want float64) {
	e.T.Helper()
	Eventually(e.T, func() bool { return e.Metric(name) == want }, func() string {
		return fmt.Sprintf("%s = %v, want %v", name, e.Metric(name), want)
	})
}
