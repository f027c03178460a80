package report

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// threeRounds is a run in which the machine was twice as slow in round 1: the
// medians say nothing of it, and paired values must not either.
func threeRounds() *Results {
	r := &Results{
		Workloads: []Info{{Name: "w", Unit: "exchange", Figures: []workload.Figure{
			{Key: "cpu_us", Title: "CPU", Decimals: 1}, {Key: "p50_us", Title: "added", Decimals: 1, Added: true},
		}}},
		Peers: []PeerInfo{
			{Name: "direct", Role: peers.Direct}, {Name: "apim-edge", Role: peers.Edge},
			{Name: "nginx", Role: peers.General}, {Name: "haproxy", Role: peers.General}, {Name: "relay", Role: peers.Floor},
		},
	}
	add := func(peer string, round int, cpu, p50 float64) {
		r.Rows = append(r.Rows, Row{Workload: "w", Leg: workload.Plain, Peer: peer, Round: round,
			Figures: map[string]float64{"cpu_us": cpu, "p50_us": p50}})
	}
	for round, slow := range []float64{1, 2, 1} {
		add("direct", round, 0, 50*slow)
		add("apim-edge", round, 9*slow, 70*slow)
		add("nginx", round, 10*slow, 80*slow)
		add("haproxy", round, 12*slow, 75*slow)
		add("relay", round, 5*slow, 60*slow)
	}
	return r
}

func TestRatiosArePairedAndToTheBestGeneralProxy(t *testing.T) {
	b := threeRounds().blocks()[0]
	if best := b.best(false); best == nil || best.Name != "nginx" {
		t.Fatalf("best = %v, want nginx: the relay is a floor and no proxy", best)
	}
	for name, want := range map[string]float64{"apim-edge": 0.9, "nginx": 1, "haproxy": 1.2, "relay": 0.5} {
		for _, l := range b.lines {
			if l.Name != name {
				continue
			}
			if got := b.ratio(l); got.Rounds != 3 || got.Min != want || got.Max != want {
				t.Errorf("ratio of %s = %+v, want %v in each of 3 rounds", name, got, want)
			}
		}
	}
}

// TestPeersWithAnAccessLogAreComparedWithEachOther: the best of those without one is no
// measure for those that write.
func TestPeersWithAnAccessLogAreComparedWithEachOther(t *testing.T) {
	r := threeRounds()
	r.Peers = append(r.Peers, PeerInfo{Name: "apim-edge+log", Role: peers.Edge, AccessLog: true}, PeerInfo{Name: "nginx+log", Role: peers.General, AccessLog: true})
	for peer, cpu := range map[string]float64{"apim-edge+log": 10, "nginx+log": 16} {
		r.Rows = append(r.Rows, Row{Workload: "w", Leg: workload.Plain, Peer: peer, Figures: map[string]float64{"cpu_us": cpu}})
	}
	r.Workloads = append(r.Workloads, Info{Name: "streams", Figures: []workload.Figure{{Key: "cpu_us", Title: "CPU"}}})
	r.Rows = append(r.Rows, Row{Workload: "streams", Leg: workload.Plain, Peer: "nginx", Figures: map[string]float64{"cpu_us": 3}})
	var summary strings.Builder
	r.Summary(&summary)
	want := `| workload | legs | figure | apim-edge | nginx | haproxy | relay | edge / best |
|---|---|---|---:|---:|---:|---:|---:|
| w | plain | CPU | 9.0 | 10.0 | 12.0 | 5.0 | 0.90 (nginx) |
| streams | plain | CPU | – | 3 | – | – | – |

With access logs, each into a file:

| workload | legs | figure | apim-edge+log | nginx+log | edge / best |
|---|---|---|---:|---:|---:|
| w | plain | CPU | 10.0 | 16.0 | 0.62 (nginx+log) |
`
	if got := summary.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTheNewestReleaseTakesThePlaceOfTheOlder, as a column and as the best.
func TestTheNewestReleaseTakesThePlaceOfTheOlder(t *testing.T) {
	r := threeRounds()
	r.Peers = append(r.Peers, PeerInfo{Name: "nginx-1.30", Role: peers.General})
	r.Rows = append(r.Rows, Row{Workload: "w", Leg: workload.Plain, Peer: "nginx-1.30", Figures: map[string]float64{"cpu_us": 11.25}})
	var summary strings.Builder
	r.Newest().Summary(&summary)
	if want := "| w | plain | CPU | 9.0 | 12.0 | 5.0 | 11.2 | 0.80 (nginx-1.30) |\n"; !strings.HasSuffix(summary.String(), want) {
		t.Errorf("got\n%s\nwant at its end\n%s", summary.String(), want)
	}
	if len(r.Peers) != 6 {
		t.Errorf("the run has lost peers: %v", r.Peers)
	}
}

func TestWhatIsAddedIsTakenOffRoundByRound(t *testing.T) {
	b := threeRounds().blocks()[0]
	for _, l := range b.lines {
		if l.Name != "apim-edge" {
			continue
		}
		if got := b.figure(l, b.Figures[1]); got.Median != 20 || got.Min != 20 || got.Max != 40 {
			t.Errorf("added = %+v, want median 20, from 20 to 40", got)
		}
	}
}

func TestATableTellsWhatIsMissing(t *testing.T) {
	r := threeRounds()
	r.Peers = append(r.Peers, PeerInfo{Name: "envoy", Role: peers.General, Absent: "not installed"})
	r.Rows = append(r.Rows, Row{Workload: "w", Leg: workload.TLSUpstream, Peer: "nginx", Failed: "no certificate"})
	r.Rows[1].FirstError, r.Rows[1].Kinds = "status 503", map[string]int64{"status 503": 4, "i/o timeout": 1}
	r.Rows[6].Kinds = map[string]int64{"status 503": 2}
	r.Rows[2].FirstError = "cut"
	var table strings.Builder
	r.Markdown(&table)
	for _, want := range []string{
		"| w | plain | CPU | 9.0 | 10.0 | 12.0 | 5.0 | 0.90 (nginx) |",
		"**absent**: not installed",
		"| w | tls-upstream | CPU | – | failed | – | – | – |",
		"nginx: no certificate",
		"apim-edge, errors: 1 × i/o timeout, 6 × status 503\n",
		"nginx, first error: cut\n",
		"| **apim-edge** | 9.0 (9.0–18.0) | 0.90 | 20.0 (20.0–40.0) | 0 |",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in:\n%s", want, table.String())
		}
	}
}

func TestSpreadOfAnEvenNumberIsTheMiddle(t *testing.T) {
	if got := spread([]float64{4, 1, 3, 2}); got != (Spread{Median: 2.5, Min: 1, Max: 4, Rounds: 4}) {
		t.Errorf("spread = %+v", got)
	}
}

// TestNoLatencyIsLostInTheFile holds that the histograms of a peer's rounds come
// back as one, with all their values, and that those of others stay apart.
func TestNoLatencyIsLostInTheFile(t *testing.T) {
	r := threeRounds()
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Peer == "relay" {
			continue
		}
		row.Latency = &histogram{client.NewHistogram()}
		for v := range int64(100) {
			testkit.Must(t, row.Latency.RecordValue(1000*(v+int64(row.Round)*int64(len(row.Peer)))))
		}
	}
	before := map[string]plotter.XYs{}
	for _, l := range r.blocks()[0].lines {
		before[l.Name] = l.percentiles()
	}
	folder := t.TempDir()
	testkit.Must(t, r.Write(folder))
	again, err := Read(filepath.Join(folder, "results.json"))
	testkit.Must(t, err)
	for _, l := range again.blocks()[0].lines {
		if got := l.percentiles(); !slices.Equal(got, before[l.Name]) {
			t.Errorf("%s: percentiles %v, want %v", l.Name, got, before[l.Name])
		}
	}
	for _, row := range again.Rows {
		if has := row.Latency != nil; has != (row.Round == 0 && row.Peer != "relay") {
			t.Errorf("round %d of %s has a histogram: %v", row.Round, row.Peer, has)
		}
	}
}

// TestTheIntervalOfAMedian: the ranks are those of tables of the sign test.
func TestTheIntervalOfAMedian(t *testing.T) {
	for n, rank := range map[int]int{5: 0, 6: 1, 8: 1, 9: 2, 20: 6, 40: 14, 100: 40} {
		var values []float64
		for i := range n {
			values = append(values, float64(n-i)) // n..1
		}
		low, high, ok := interval(values)
		if ok != (rank > 0) || ok && (low != float64(rank) || high != float64(n+1-rank)) {
			t.Errorf("of %d values: %v to %v, %t; want the value of rank %d from both ends", n, low, high, ok, rank)
		}
	}
}

// TestAVariantIsPairedWithThePlainOne: noise of whole rounds falls out.
func TestAVariantIsPairedWithThePlainOne(t *testing.T) {
	r := threeRounds()
	r.Peers = append(r.Peers, PeerInfo{Name: "apim-edge+more", Role: peers.Edge})
	r.Rows = nil
	for round := range 20 {
		slow := float64(1 + round)
		for peer, cpu := range map[string]float64{"apim-edge": 10, "apim-edge+more": 10.1} {
			r.Rows = append(r.Rows, Row{Workload: "w", Leg: workload.Plain, Peer: peer, Round: round, Figures: map[string]float64{"cpu_us": cpu * slow}})
		}
	}
	var table strings.Builder
	r.Markdown(&table)
	if want := "apim-edge+more: 1.01 (1.01–1.01) × apim-edge; of 20 pairs the median is +1.00 % (95 %: +1.00 to +1.00)"; !strings.Contains(table.String(), want) {
		t.Errorf("no %q in:\n%s", want, table.String())
	}
}
