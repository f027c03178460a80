package demo

import "testing"

func TestCountersAreSumsOfTheirSeries(t *testing.T) {
	want := map[string]float64{
		"apim_edge_requests_total":                       5,
		`apim_edge_decisions_total{repair="bearer_key"}`: 3,
		"apim_edge_events_total":                         150,
		"apim_edge_streams_open":                         1,
	}
	for range 2 { // nothing stays of the first time
		got := sums(fakeMetrics)
		if len(got) != len(shownCounters) {
			t.Fatalf("got %d counters, want %d", len(got), len(shownCounters))
		}
		for _, c := range got {
			series := c.Name
			if c.Label != "" {
				series += "{" + c.Label + "}"
			}
			if c.Value != want[series] {
				t.Errorf("%s: got %v, want %v", series, c.Value, want[series])
			}
		}
	}
	for _, text := range []string{"", "#", "\n\n", "apim_edge_streams_open", "apim_edge_streams_open x\n"} {
		if got := sums(text); got[4].Value != 0 {
			t.Errorf("sums(%q): got %+v", text, got)
		}
	}
}
