package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// judgedFrom is the shortest load whose lines are judged: in less, the pools
// still fill and the collector has found no rhythm.
const judgedFrom = 2 * time.Minute

// slack is what noise may add between the second and the last quarter.
const slack = 0.10

// line is one measure over time, compared between two quarters of the run. The
// first quarter warms up; the second and the last are half a run apart.
type line struct {
	name, unit     string
	second, last   float64 // medians
	allowed        float64 // the most that last may be
	doublesIn      time.Duration
	judged, isFlat bool
}

// lines compares the quarters of all measures that must be flat.
func lines(samples []sample) []line {
	var all []line
	for _, m := range []struct {
		name, unit, column string
		noise              float64 // what some units more or less mean nothing
	}{
		{"memory (PSS)", "MiB", "pss_mib", 2},
		{"memory (RSS)", "MiB", "rss_mib", 2},
		{"Go heap in use", "MiB", "heap_mib", 1},
		{"goroutines", "", "goroutines", 3},
		{"threads", "", "threads", 2},
		{"descriptors", "", "descriptors", 5},
		{"client connections", "", "client_connections", 5},
		{"upstream connections", "", "upstream_connections", 5},
	} {
		var values []float64
		for i := range samples {
			values = append(values, column(m.column)(&samples[i]))
		}
		l := compareQuarters(values, length(samples), m.noise)
		l.name, l.unit = m.name, m.unit
		all = append(all, l)
	}
	return all
}

func length(samples []sample) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	return samples[len(samples)-1].at
}

func column(name string) func(s *sample) float64 {
	for _, c := range columns {
		if c.name == name {
			return c.value
		}
	}
	panic("BUG: no column " + name)
}

// compareQuarters judges values that were taken evenly over a time. They are
// flat if the last quarter's median is within the slack of the second's, or
// grows so slowly that a day would not double it.
func compareQuarters(values []float64, over time.Duration, noise float64) line {
	quarter := len(values) / 4
	if quarter == 0 {
		return line{isFlat: true}
	}
	l := line{
		second: median(values[quarter : 2*quarter]), last: median(values[len(values)-quarter:]),
		judged: over >= judgedFrom,
	}
	apart := over / 2 // between the middles of the two quarters
	day := float64(apart) / float64(24*time.Hour)
	l.allowed = l.second + max(l.second*max(slack, day), noise)
	l.isFlat = !l.judged || l.last <= l.allowed
	if growth := l.last - l.second; growth > 0 {
		l.doublesIn = time.Duration(math.Min(l.second/growth*float64(apart), float64(math.MaxInt64)))
	}
	return l
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// verdict says it in a word.
func (l *line) verdict() string {
	switch {
	case !l.judged:
		return "not judged"
	case l.isFlat:
		return "flat"
	}
	return "GROWS"
}

// row is the line as cells of a table.
func (l *line) row() []string {
	change := "0 %"
	if l.second != 0 {
		change = fmt.Sprintf("%+.1f %%", 100*(l.last-l.second)/l.second)
	}
	unit := func(value float64) string {
		if l.unit == "" {
			return fmt.Sprintf("%.0f", value)
		}
		return fmt.Sprintf("%.1f %s", value, l.unit)
	}
	return []string{l.name, unit(l.second), unit(l.last), change, unit(l.allowed), l.verdict()}
}
