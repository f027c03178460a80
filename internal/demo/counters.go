package demo

import (
	"context"
	"strconv"
	"strings"
)

// counter is a number of the edge that the page shows: the sum of the series of
// one name, of those with one label if there is one.
type counter struct {
	Name  string  `json:"name"`
	Label string  `json:"label,omitempty"`
	Means string  `json:"means"`
	Value float64 `json:"value"`
}

// shownCounters are those that matter for what the demo shows.
var shownCounters = []counter{
	{Name: "apim_edge_requests_total", Means: "finished exchanges"},
	{Name: "apim_edge_decisions_total", Label: `repair="bearer_key"`, Means: "keys moved to api-key: while it grows, somebody needs apim-edge"},
	{Name: "apim_edge_preflights_total", Means: "preflights answered at the edge"},
	{Name: "apim_edge_events_total", Means: "events relayed"},
	{Name: "apim_edge_streams_open", Means: "streams open now"},
	{Name: "apim_edge_cancels_total", Means: "upstream cancelled, since the client left"},
	{Name: "apim_edge_cuts_total", Means: "answers cut after their head"},
}

// maxAdmin bounds what is read of an answer of the admin listener; metrics take about 50 KB.
const maxAdmin = 4 << 20

// counters asks the edge as Prometheus does.
func (d *demo) counters(ctx context.Context) ([]counter, error) {
	text, err := d.admin(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	return sums(text), nil
}

// sums reads the shown counters from Prometheus' text format. A series that is not
// there has not begun: it counts 0.
func sums(text string) []counter {
	all := append([]counter(nil), shownCounters...)
	for line := range strings.Lines(text) {
		end := strings.LastIndexByte(line, ' ')
		if end < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[end:]), 64)
		if err != nil {
			continue
		}
		name, labels, _ := strings.Cut(line[:end], "{")
		for i := range all {
			if all[i].Name == name && strings.Contains(labels, all[i].Label) {
				all[i].Value += value
			}
		}
	}
	return all
}
