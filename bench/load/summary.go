package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// summary is what the load gave, as JSON and as text.
type summary struct {
	Target     string         `json:"target"`
	Rate       float64        `json:"rate_per_second"`
	RateHeld   float64        `json:"rate_held_per_second"`
	Planned    int            `json:"planned"`
	Sent       int            `json:"sent"`
	Succeeded  int            `json:"succeeded"`
	Failed     int            `json:"failed"`
	Failures   map[string]int `json:"failures,omitempty"`
	EdgeErrors map[string]int `json:"edge_errors,omitempty"`
	Stopped    bool           `json:"stopped_by_max_errors"`
	Seconds    float64        `json:"seconds"`
	Streams    int            `json:"streams"`
	Events     int            `json:"events"`
	Incomplete int            `json:"incomplete_streams"`
	Cut        int            `json:"cut_responses"`
	Head       *times         `json:"response_head_ms,omitempty"`
	FirstEvent *times         `json:"first_event_ms,omitempty"`
	Gap        *times         `json:"event_gap_ms,omitempty"`
	Whole      *times         `json:"whole_exchange_ms,omitempty"`
}

// times are percentiles in milliseconds.
type times struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

func timesOf(h *hdrhistogram.Histogram) *times {
	if h.TotalCount() == 0 {
		return nil
	}
	at := func(quantile float64) float64 { return float64(h.ValueAtQuantile(quantile)) / 1e3 }
	return &times{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1e3}
}

func (r *run) summary() *summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &summary{
		Target: r.options.place(), Rate: r.options.rate, Planned: r.options.planned(),
		Sent: r.sent, Succeeded: r.succeeded, Failed: r.failed, Failures: r.failures, EdgeErrors: r.edgeErrors,
		Stopped: r.failed > r.options.maxErrors, Seconds: r.took.Seconds(),
		Streams: r.streams, Events: r.events, Incomplete: r.incomplete, Cut: r.cut,
		Head: timesOf(r.head), FirstEvent: timesOf(r.firstEvent), Gap: timesOf(r.gap), Whole: timesOf(r.whole),
	}
	if r.sent > 0 {
		s.RateHeld = float64(r.sent) / r.beginning.Seconds()
	}
	return s
}

func (s *summary) writeText(w io.Writer) {
	fmt.Fprintf(w, "\nsent       %d of %d, %.4g/s, in %.1f s\n", s.Sent, s.Planned, s.RateHeld, s.Seconds)
	fmt.Fprintf(w, "succeeded  %d\n", s.Succeeded)
	fmt.Fprintf(w, "failed     %d\n", s.Failed)
	writeCounts(w, "", s.Failures)
	writeCounts(w, "x-apim-edge-error: ", s.EdgeErrors)
	if s.Stopped {
		fmt.Fprintf(w, "stopped: more errors than --max-errors allows\n")
	}
	if s.Streams > 0 {
		fmt.Fprintf(w, "events     %d in %d streams; %d incomplete, %d cut\n", s.Events, s.Streams, s.Incomplete, s.Cut)
	}
	fmt.Fprintf(w, "\n%-22s %9s %9s %9s %9s %9s\n", "ms", "p50", "p90", "p99", "p99.9", "max")
	for _, row := range []struct {
		name  string
		times *times
	}{{"response head", s.Head}, {"first event", s.FirstEvent}, {"gap between events", s.Gap}, {"whole exchange", s.Whole}} {
		if t := row.times; t != nil {
			fmt.Fprintf(w, "%-22s %9.1f %9.1f %9.1f %9.1f %9.1f\n", row.name, t.P50, t.P90, t.P99, t.P999, t.Max)
		}
	}
	if s.Head != nil {
		fmt.Fprintln(w, "Times count from when an exchange should have begun, not from when it could be sent.")
	}
}

// writeCounts writes the most frequent first.
func writeCounts(w io.Writer, prefix string, counts map[string]int) {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, name := range names {
		fmt.Fprintf(w, "           %d x %s%s\n", counts[name], prefix, name)
	}
}
