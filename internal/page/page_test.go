package page

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a page over metrics that a test counts, with a clock that a test moves.
type watched struct {
	*Page
	metrics *record.Metrics
	route   *record.Route
	now     time.Time
}

func watch(t testing.TB, change func(*Options)) *watched {
	t.Helper()
	w := &watched{metrics: record.NewMetrics("v1.2.3", func() float64 { return 0 }), now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	w.route = w.metrics.Route("openai", "legacy")
	w.metrics.Use("c0ffee", []*record.Route{w.route})
	o := Options{
		Metrics: w.metrics.Registry, Brief: w.metrics.Brief, Ready: func() error { return nil }, Notes: func() []string { return nil },
		Config:    func() ([]byte, error) { return []byte("listen: {}\n"), nil },
		Upstreams: func() map[string]string { return map[string]string{"legacy": "https://contoso.azure-api.net"} },
		Version:   "v1.2.3", Now: func() time.Time { return w.now },
	}
	if change != nil {
		change(&o)
	}
	w.Page = New(o)
	t.Cleanup(w.Close)
	return w
}

// tell has everybody know of an exchange.
func (w *watched) tell(r record.Record) {
	if r.Route == nil {
		r.Route = w.route
	}
	w.metrics.Observe(&r)
	w.Observe(&r)
}

func (w *watched) html(t testing.TB, v Viewer) string {
	t.Helper()
	var out strings.Builder
	testkit.Must(t, w.Write(&out, v))
	return out.String()
}

var refusal = record.Record{
	ID: []byte("id-1"), Method: []byte("POST"), Path: []byte("/openai/v1/chat/completions?api-version=1&subscription-key=s3cr3t"),
	Upstream: "legacy", Reason: rewrite.ReasonBearerKey, Status: 401, UpstreamStatus: 401, Hint: hint.KeyInvalid, FirstByte: 30 * time.Millisecond,
}

// TestThePageTellsWhatIsGoingOn holds what an operator looks for, in a plain page.
func TestThePageTellsWhatIsGoingOn(t *testing.T) {
	w := watch(t, func(o *Options) {
		o.Ready = func() error { return errors.New("draining\nno keys of issuers: https://id.example.com") }
		o.Notes = func() []string { return []string{"a credential is the last good one"} }
	})
	w.tell(refusal)
	w.tell(record.Record{Upstream: "legacy", Code: edgeerr.UpstreamConnectFailed, Status: 502, Method: []byte("GET"), Path: []byte("/openai/v1/models")})
	w.now = w.now.Add(30 * time.Second)
	shown := w.html(t, Viewer{CSRF: "signed-form"})
	for _, want := range []string{
		"Not ready", "<li class=\"bad\">draining</li>", "no keys of issuers: https://id.example.com", "a credential is the last good one",
		"key_invalid", "Whose it is: API Management", hint.KeyInvalid.Change(), "request id <code>id-1</code>", "POST /openai/v1/chat/completions<",
		"upstream_connect_failed", edgeerr.UpstreamConnectFailed.Advice(), "last <time datetime=\"2026-11-01T12:00:00Z\">30 s ago",
		"<code>bearer_key</code>", "50.0 %", "https://contoso.azure-api.net", "v1.2.3", "c0ffee", `value="signed-form"`, "<strong data-live=\"refused\">0.03</strong>",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"s3cr3t", "api-version", "Log out", "style=", "<style", "onclick", "http://"} {
		if strings.Contains(shown, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if n := strings.Count(shown, "<script"); n != 1 {
		t.Errorf("%d scripts, want that of the page", n)
	}
}

// TestThePageTellsWhichUpstreamIsLeftAlone holds that one of several says whether it is
// asked, why not, and for how long. Where there is one, there is no such column.
func TestThePageTellsWhichUpstreamIsLeftAlone(t *testing.T) {
	w := watch(t, func(o *Options) {
		o.Upstreams = func() map[string]string { return map[string]string{"east": "https://east", "legacy": "https://west"} }
	})
	if shown := w.html(t, Viewer{}); strings.Contains(shown, "Breaker") {
		t.Error("nothing is one of several, and the page has a column for it")
	}
	state := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "apim_edge_upstream_state"}, []string{"upstream", "state"})
	left := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "apim_edge_upstream_left_alone_seconds"}, []string{"upstream", "cause"})
	w.metrics.Registry.MustRegister(state, left)
	state.WithLabelValues("east", "half_open").Set(1)
	left.WithLabelValues("east", "connect").Set(0)
	state.WithLabelValues("legacy", "open").Set(1)
	state.WithLabelValues("legacy", "closed").Set(0)
	left.WithLabelValues("legacy", "unavailable").Set(11.2)
	left.WithLabelValues("legacy", "probe").Set(0)
	shown := w.html(t, Viewer{})
	for _, want := range []string{"Breaker</th>", "<td>half-open</td>", "<td>open: unavailable, for 12 s</td>"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestNothingFromOutsideIsMarkup holds that what a client or an operator has written stays
// text.
func TestNothingFromOutsideIsMarkup(t *testing.T) {
	const attack = `"><script>alert(1)</script>`
	w := watch(t, func(o *Options) {
		o.Config = func() ([]byte, error) { return []byte(attack), nil }
		o.Upstreams = func() map[string]string { return map[string]string{attack: attack} }
		o.Notes = func() []string { return []string{attack} }
	})
	r := refusal
	r.Method, r.Path, r.ID = []byte("<B>\x00\xff\x1b[2J"), []byte("/"+attack+"\x07"), []byte(attack)
	w.tell(r)
	shown := w.html(t, Viewer{CSRF: attack, Said: []string{attack}, LoggedIn: true})
	if strings.Contains(shown, "<script>") || strings.ContainsAny(shown, "\x00\x07\x1b") || !utf8.ValidString(shown) || strings.Contains(shown, "<B>") {
		t.Error("something from outside is markup")
	}
	var login strings.Builder
	if err := WriteLogin(&login, attack); err != nil || strings.Contains(login.String(), "<script>") {
		t.Errorf("%v %s", err, &login)
	}
}

// TestAPageOfNothing holds that an edge that has just started has a page.
func TestAPageOfNothing(t *testing.T) {
	shown := watch(t, nil).html(t, Viewer{})
	for _, want := range []string{"Ready", "Nothing has failed", "There is nothing to show yet", "No exchange has ended"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestPicturesAreToldInWords holds that each has a title, a description with its values,
// and lines that are there where something came.
func TestPicturesAreToldInWords(t *testing.T) {
	w := watch(t, nil)
	for i := range 30 {
		if i < 10 || i > 20 {
			for range 20 {
				w.tell(record.Record{Status: 200, UpstreamStatus: 200, FirstByte: 30 * time.Millisecond})
			}
		}
		w.now = w.now.Add(step)
		w.look()
	}
	shown := w.html(t, Viewer{})
	for _, picture := range regexp.MustCompile(`(?s)<svg viewBox="0 0 480 180".*?</svg>`).FindAllString(shown, -1) {
		var svg struct {
			Role     string `xml:"role,attr"`
			Labelled string `xml:"aria-labelledby,attr"`
			Title    struct {
				ID   string `xml:"id,attr"`
				Text string `xml:",chardata"`
			} `xml:"title"`
			Desc struct {
				ID   string `xml:"id,attr"`
				Text string `xml:",chardata"`
			} `xml:"desc"`
			Lines []struct {
				Points string `xml:"points,attr"`
			} `xml:"polyline"`
		}
		if err := xml.Unmarshal([]byte(picture), &svg); err != nil {
			t.Fatalf("%v in %s", err, picture)
		}
		if svg.Role != "img" || svg.Labelled != svg.Title.ID+" "+svg.Desc.ID || svg.Title.Text == "" || !strings.HasPrefix(svg.Desc.Text, "From 12:00:10 to 12:05:00.") {
			t.Errorf("the picture %q is told so: %q", svg.Title.Text, svg.Desc.Text)
		}
		if svg.Title.Text == "Exchanges a second" && !strings.Contains(svg.Desc.Text, "answered: between 0 and 2, last 2.") {
			t.Errorf("rates: %q", svg.Desc.Text)
		}
		if svg.Title.Text == "Time to the upstream's head" {
			if !strings.Contains(svg.Desc.Text, "half within: between 37.5 ms and 37.5 ms") {
				t.Errorf("times: %q", svg.Desc.Text)
			}
			if len(svg.Lines) != 4 { // two lines, each with a gap of silence
				t.Errorf("%d pieces of lines, want 4", len(svg.Lines))
			}
		}
	}
	if n := strings.Count(shown, "<desc"); n != 3 {
		t.Errorf("%d pictures, want 3", n)
	}
}

// TestTheHourIsBounded holds that a long life keeps an hour.
func TestTheHourIsBounded(t *testing.T) {
	w := watch(t, nil)
	for range 3*steps + 7 {
		w.now = w.now.Add(step)
		w.look()
	}
	points := w.history.all()
	if len(points) != steps || points[steps-1].at != w.now || points[0].at != w.now.Add(-step*(steps-1)) {
		t.Errorf("%d points from %v to %v, now is %v", len(points), points[0].at, points[len(points)-1].at, w.now)
	}
}

// TestAReloadIsNoNegativeRate holds that counters which go with their route make no rate
// below nothing.
func TestAReloadIsNoNegativeRate(t *testing.T) {
	w := watch(t, nil)
	w.tell(refusal)
	w.now = w.now.Add(step)
	w.look()
	w.metrics.Use("other", nil)
	w.now = w.now.Add(step)
	w.look()
	for _, p := range w.plots() {
		if strings.Contains(p.Desc, "-") {
			t.Errorf("%s: %s", p.Title, p.Desc)
		}
	}
}

// TestTheLiveNumbersAreThoseOfThePage holds that the script finds a place for each.
func TestTheLiveNumbersAreThoseOfThePage(t *testing.T) {
	w := watch(t, nil)
	w.tell(refusal)
	var live strings.Builder
	testkit.Must(t, w.WriteLive(&live))
	for _, m := range regexp.MustCompile(`data-live="(\w+)">([^<]*)<`).FindAllStringSubmatch(w.html(t, Viewer{}), -1) {
		if want := fmt.Sprintf("%q:%q", m[1], m[2]); !strings.Contains(live.String(), want) {
			t.Errorf("the numbers are %s, and the page shows %s", &live, want)
		}
	}
	if !strings.Contains(live.String(), `"ready":"yes"`) {
		t.Error(live.String())
	}
}

// TestTheWayOutIsShownWhereACensusCounts holds its figures, and that nothing is said of it
// where nothing counts.
func TestTheWayOutIsShownWhereACensusCounts(t *testing.T) {
	if shown := watch(t, nil).html(t, Viewer{}); strings.Contains(shown, "census") {
		t.Error("there is no census, and the page tells of one")
	}
	told := Removal{
		Since: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Callers: 12, Needing: 3,
		Days:   []Day{{"2026-10-30", 2000, 900, 7}, {"2026-10-31", 1000, 40, 4}, {"2026-11-01", 1500, 3, 1}},
		Routes: []RouteRemoval{{"openai", 11, 3, time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)}, {"free", 1, 0, time.Time{}}},
	}
	w := watch(t, func(o *Options) { o.Removal = func() Removal { return told } })
	shown := w.html(t, Viewer{})
	for _, want := range []string{
		"Since 2026-10-01 the census has seen <strong>12</strong> callers", "<strong>3</strong> of them would miss something",
		"From 2026-10-30 to 2026-11-01. all: between 1,000 and 2,000, last 1,500. that need the edge: between 3 and 900, last 3.",
		"callers that need it: between 1 and 7, last 1.", "<td>2 h ago</td>", "<td>never</td>",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	told.Needing = 0
	if !strings.Contains(w.html(t, Viewer{}), "None of them needs the edge") {
		t.Error("nobody needs the edge, and the page does not say so")
	}
}

// TestNumbersAreReadable holds how they are written.
func TestNumbersAreReadable(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{number(0), "0"}, {number(0.004), "less than 0.01"}, {number(0.25), "0.25"}, {number(2.5), "2.5"}, {number(3.004), "3"}, {number(12.34), "12.3"},
		{number(1234567), "1,234,567"}, {number(999.5), "1,000"}, {number(-1234), "-1,234"},
		{duration(0.0123), "12.3 ms"}, {duration(1.234), "1.23 s"}, {duration(300), "5 min"},
		{share(1, 3), "33.3 %"}, {share(0, 0), ""},
		{span(59 * time.Second), "59 s"}, {span(90 * time.Minute), "1 h"}, {span(20 * 24 * time.Hour), "20 days"}, {span(-time.Second), "0 s"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
	for v, want := range map[float64]float64{0: 1, .03: .05, 1: 1, 1.1: 2, 6: 10, 200: 200, 201: 500} {
		if got := roundUp(v); got < want*.999 || got > want*1.001 {
			t.Errorf("roundUp(%v) = %v, want %v", v, got, want)
		}
	}
}

// TestQuantiles holds the figures of histogram_quantile.
func TestQuantiles(t *testing.T) {
	h := times{bounds: []float64{1, 2, 4}, counts: []float64{0, 10, 20}, all: 20}
	for s, want := range map[float64]float64{.25: 1.5, .5: 2, .75: 3, 1: 4} {
		if got, ok := h.quantile(s); !ok || got != want {
			t.Errorf("quantile(%v) = %v, %v; want %v", s, got, ok, want)
		}
	}
	h.all = 40 // half of them beyond the last bound
	if got, ok := h.quantile(.95); !ok || got != 4 {
		t.Errorf("beyond the last bound: %v, %v", got, ok)
	}
	if _, ok := (times{}).quantile(.5); ok {
		t.Error("nothing came")
	}
}

// TestEachFileIsThere holds that the page asks for nothing that is not served.
func TestEachFileIsThere(t *testing.T) {
	w := watch(t, nil)
	var login strings.Builder
	_ = WriteLogin(&login, "")
	found := regexp.MustCompile(`(?:src|href)="([^"#]+\.\w+)"`).FindAllStringSubmatch(w.html(t, Viewer{})+login.String(), -1)
	if len(found) < 5 {
		t.Errorf("found %d files, want more", len(found))
	}
	for _, m := range found {
		if content, kind, ok := File(m[1]); !ok || len(content) == 0 || kind == "" {
			t.Errorf("%s is not there", m[1])
		}
	}
	if _, _, ok := File("page.html"); ok {
		t.Error("a template is served")
	}
}

// BenchmarkLook is what the page costs where nobody looks at it, once in ten seconds.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			w := watch(b, nil)
			var routes []*record.Route
			for i := range n {
				routes = append(routes, w.metrics.Route(fmt.Sprint("route-", i), "legacy"))
			}
			w.metrics.Use("many", routes)
			for _, r := range routes {
				w.tell(record.Record{Route: r, Status: 200, UpstreamStatus: 200})
			}
			b.ReportAllocs()
			for b.Loop() {
				w.look()
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	w := watch(b, nil)
	for range steps {
		w.look()
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = w.Write(io.Discard, Viewer{})
	}
}
