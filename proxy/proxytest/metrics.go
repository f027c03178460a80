package proxytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Metric returns the sum over all series that have the labels of
// name{label="value",...}. There must be one: what matters exists from the start, and
// a name that is misspelt is not 0.
func (e *Edge) Metric(name string) float64 {
	e.T.Helper()
	sum, found := e.sum(name)
	if !found {
		e.T.Fatalf("there is no series %s, but\n%s", name, e.seriesOf(name))
	}
	return sum
}

func (e *Edge) sum(name string) (sum float64, found bool) {
	e.T.Helper()
	family, rest, _ := strings.Cut(name, "{")
	labels := strings.FieldsFunc(strings.TrimSuffix(rest, "}"), func(r rune) bool { return r == ',' })
	for series, value := range e.values() {
		lacks := func(label string) bool { return !strings.Contains(series, label) }
		if of, _, _ := strings.Cut(series, "{"); of == family && !slices.ContainsFunc(labels, lacks) {
			sum, found = sum+value, true
		}
	}
	return sum, found
}

// seriesOf returns the series of the metric, or all where there is no such metric.
func (e *Edge) seriesOf(name string) string {
	e.T.Helper()
	family, _, _ := strings.Cut(name, "{")
	all := slices.Sorted(slices.Values(e.Series()))
	if of := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, family) }); len(of) > 0 {
		all = of
	}
	return strings.Join(all, "\n")
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

// WantMetric waits until there is such a series (see Metric) and has the value: it is
// counted just after the client has its answer.
func (e *Edge) WantMetric(name string, want float64) {
	e.T.Helper()
	Eventually(e.T, func() bool {
		sum, found := e.sum(name)
		return found && sum == want
	}, func() string {
		if sum, found := e.sum(name); found {
			return fmt.Sprintf("%s = %v, want %v", name, sum, want)
		}
		return fmt.Sprintf("there is no series %s, but\n%s", name, e.seriesOf(name))
	})
}
