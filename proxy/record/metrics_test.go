package record

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

func newMetrics() *Metrics { return NewMetrics("test", func() float64 { return 0 }) }

// values returns the value of every series by its name and labels; a histogram's is
// its count.
func values(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			var labels []string
			for _, l := range s.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := strings.TrimPrefix(f.GetName(), "apim_edge_") + "{" + strings.Join(labels, ",") + "}"
			all[name] = s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// TestEveryOutcomeHasItsCounter holds that no reason, status, family or code that
// may come to be is beyond what counts it, before and after its route was removed.
func TestEveryOutcomeHasItsCounter(t *testing.T) {
	m := newMetrics()
	r := m.Route("api", "legacy")
	m.Use("one", []*Route{r})
	told := 0
	tell := func(of Record) {
		of.Route = r
		m.Observe(&of)
		told++
	}
	for _, removed := range []bool{false, true} {
		if removed {
			m.Use("two", nil)
			told = 0 // what was counted for the route has gone with it
		}
		for _, reason := range append(rewrite.Reasons(), rewrite.ReasonUndecided) {
			for status := range 1000 {
				tell(Record{Reason: reason, Status: status, Client: Family(status % int(familyCount))})
			}
		}
		for _, code := range edgeerr.Codes() {
			tell(Record{Code: code, Cut: true, Up: 1})
		}
		for _, refused := range []string{"", corsOrigin, corsMethod, corsHeader} {
			tell(Record{Ending: Preflight, CORSRefused: refused})
		}
		tell(Record{Notes: 1<<len(rewrite.AllNotes()) - 1, Ending: StreamIncomplete, Events: 2, Retries: 1, UpstreamStatus: 200})
	}
	requests := 0.0
	for name, v := range values(t, m) {
		if strings.HasPrefix(name, "requests_total{") {
			requests += v
		}
		if strings.Contains(name, "route=api") {
			t.Errorf("%s is there after its route was removed", name)
		}
	}
	if requests != float64(told) {
		t.Errorf("%v requests are counted, want %d", requests, told)
	}
}

// TestSeriesExistFromTheStart holds that what is asked for by increase() begins at
// 0, and how many series that makes for a route.
func TestSeriesExistFromTheStart(t *testing.T) {
	m := newMetrics()
	before := values(t, m)
	m.Use("one", []*Route{m.Route("api", "legacy")})
	after := values(t, m)
	for _, want := range []string{
		"decisions_total{client=curl,repair=bearer_key,route=api}", "decisions_total{client=other,repair=none,route=api}",
		"errors_total{code=upstream_connect_failed,route=api,upstream=legacy}", "cuts_total{cause=upstream_aborted,route=api,side=upstream,upstream=legacy}",
		"preflights_total{result=refused_header,route=api}", "hints_total{hint=key_in_other_field,owner=apim,route=api}", "origins_refused_total{route=api}", "cancels_total{route=api}",
		"streams_open{route=api}", "exchange_duration_seconds{route=api}", "reloads_total{result=failed}",
	} {
		if v, ok := after[want]; !ok || v != 0 {
			t.Errorf("%s is %v, there: %v; want 0", want, v, ok)
		}
	}
	decisions := 0
	for name := range after {
		if strings.HasPrefix(name, "decisions_total{") && strings.Contains(name, "route=api") {
			decisions++
		}
	}
	if want := int(repairCount) * int(familyCount); decisions != want {
		t.Errorf("%d series of decisions, want %d", decisions, want)
	}
	if n := len(after) - len(before); n > 250 { // docs/operations.md names the figure
		t.Errorf("a route begins with %d series, want 250 at most", n)
	}
}

// TestSeriesOfSeveralUpstreams holds that each has its own, that what has gone to none
// is told apart, and that a member that stays is counted on.
func TestSeriesOfSeveralUpstreams(t *testing.T) {
	m := newMetrics()
	end := func(r *Route, upstream string) {
		m.Observe(&Record{Route: r, Upstream: upstream, Status: 200, Code: edgeerr.UpstreamAborted, Cut: true})
	}
	want := func(want ...string) {
		t.Helper()
		var got []string
		for name, v := range values(t, m) {
			if rest, ok := strings.CutPrefix(name, "cuts_total{cause=upstream_aborted,route=api,side=upstream,upstream="); ok {
				got = append(got, fmt.Sprint(strings.TrimSuffix(rest, "}"), " ", v))
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("series %q, want %q", got, want)
		}
	}
	both := m.Route("api", "a", "b")
	m.Use("one", []*Route{both})
	for _, upstream := range []string{"a", "b", "b", ""} {
		end(both, upstream)
	}
	want("a 1", "b 2", "none 1")
	other := m.Route("api", "b", "c")
	m.Use("two", []*Route{other})
	end(other, "b")
	end(other, "c")
	end(both, "a") // of what runs on
	want("b 3", "c 1", "none 1")
	one := m.Route("api", "c")
	m.Use("three", []*Route{one})
	end(one, "")
	want("c 2")
}

// TestSeriesGoWithTheirRoute holds what a reload leaves of routes and upstreams
// that are not in it, and that what still runs on them is counted, and seen.
func TestSeriesGoWithTheirRoute(t *testing.T) {
	m := newMetrics()
	stays, moves, goes := m.Route("stays", "a"), m.Route("moves", "a"), m.Route("goes", "a")
	m.Use("one", []*Route{stays, moves, goes})
	end := func(r *Route) { m.Observe(&Record{Route: r, Status: 200, Code: edgeerr.UpstreamAborted, Cut: true}) }
	end(goes)
	end(moves)
	goes.StreamBegun()
	if same := m.Route("stays", "a"); same != stays {
		t.Error("a route that did not change has other metrics")
	}
	m.Use("two", []*Route{m.Route("stays", "a"), m.Route("moves", "b")})
	moves.StreamBegun() // an exchange that began before
	end(goes)
	end(stays)

	got := values(t, m)
	for name, want := range map[string]float64{
		"streams_open{route=goes}": 1, "streams_open{route=moves}": 1, "streams_open{route=stays}": 0,
		"errors_total{code=upstream_aborted,route=none,upstream=none}": 1, "errors_total{code=upstream_aborted,route=stays,upstream=a}": 1,
		"errors_total{code=upstream_aborted,route=moves,upstream=b}": 0, "exchange_duration_seconds{route=moves}": 1,
		"config_info{hash=two}": 1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, there: %v; want %v", name, v, ok, want)
		}
	}
	for name := range got {
		if strings.Contains(name, "route=goes") && !strings.HasPrefix(name, "streams_open") || strings.Contains(name, "route=moves,upstream=a") {
			t.Errorf("%s is still there", name)
		}
	}
	goes.StreamEnded()
	moves.StreamEnded()
	got = values(t, m)
	if _, ok := got["streams_open{route=goes}"]; ok || got["streams_open{route=moves}"] != 0 {
		t.Errorf("streams that have ended are open: %v", got)
	}
	goes.StreamBegun() // of an exchange that has been waiting for its head all the time
	if got := values(t, m)["streams_open{route=goes}"]; got != 1 {
		t.Errorf("a stream that opens on a removed route is counted %v times, want once", got)
	}
}

func TestTheCodeOfAStatus(t *testing.T) {
	for status, want := range map[int]string{
		0: "none", 100: "1xx", 101: "1xx", 200: "200", 204: "2xx", 302: "3xx", 400: "400", 401: "401", 418: "4xx",
		429: "429", 500: "500", 503: "503", 529: "5xx", 599: "5xx", 600: "5xx", 999: "5xx",
	} {
		if got := codes[codeOf(status)]; got != want {
			t.Errorf("the code of %d is %s, want %s", status, got, want)
		}
	}
}

func TestWhatIsARepair(t *testing.T) {
	for _, tc := range []struct {
		reason rewrite.Reason
		notes  rewrite.Notes
		want   string
	}{
		{rewrite.ReasonExplicitKey, 0, "none"},
		{rewrite.ReasonExplicitKeyWins, rewrite.ConflictDropped, "none"},
		{rewrite.ReasonBearerKey, 0, "bearer_key"},
		{rewrite.ReasonBearerKey, rewrite.DoubledScheme, "bearer_key"},
		{rewrite.ReasonMisplacedToken, rewrite.BearerInSlot, "misplaced_token"},
		{rewrite.ReasonSwapped, 0, "swapped"},
		{rewrite.ReasonTokenWins, rewrite.ConflictDropped, "token_wins"},
		{rewrite.ReasonExplicitKey, rewrite.BearerInSlot, "bearer_in_slot"},
		{rewrite.ReasonToken, rewrite.DoubledScheme, "doubled_scheme"},
		{rewrite.ReasonExplicitKey, rewrite.QueryKey, "query_key"},
		{rewrite.ReasonExplicitKey, rewrite.SubprotocolKey, "subprotocol_key"},
		{rewrite.ReasonNoCredential, rewrite.NeighbourDropped, "none"},
		{rewrite.ReasonNoCredential, rewrite.Placeholder, "none"},
		{rewrite.ReasonMalformed, rewrite.QueryKey, "none"},
	} {
		if got := repairs[repairOf(tc.reason, tc.notes)]; got != tc.want {
			t.Errorf("%s with %s is the repair %s, want %s", tc.reason, tc.notes, got, tc.want)
		}
	}
	for _, r := range rewrite.Reasons() { // a label must not be a reason of another meaning
		if repair := repairs[repairOf(r, 0)]; repair != "none" && repair != r.String() {
			t.Errorf("%s is the repair %s", r, repair)
		}
	}
	if all := slices.Compact(slices.Sorted(slices.Values(repairs[:]))); len(all) != len(repairs) {
		t.Error("two repairs have one name")
	}
}

func steady() (*Metrics, *Record) {
	m := newMetrics()
	r := m.Route("api", "legacy")
	m.Use("one", []*Route{r})
	return m, &Record{
		Route: r, Reason: rewrite.ReasonBearerKey, Client: familyOpenAIPython, Status: 200, UpstreamStatus: 200,
		FirstByte: 300 * time.Millisecond, Duration: time.Second, Events: 200,
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	m, r := steady()
	m.Observe(r)
	if n := testing.AllocsPerRun(100, func() { m.Observe(r) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m, r := steady()
	for _, parallel := range []bool{false, true} {
		b.Run(fmt.Sprintf("parallel=%v", parallel), func(b *testing.B) {
			b.ReportAllocs()
			if !parallel {
				for b.Loop() {
					m.Observe(r)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m.Observe(r)
				}
			})
		})
	}
}
