package load

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// told is what a ledger finds wrong with two exchanges that went well, when the
// edge tells of them in these lines.
func told(t *testing.T, change func(all []edge.Line) []edge.Line) (findings string) {
	t.Helper()
	l, u, crowd := NewLedger(), &Upstream{}, &Crowd{}
	leg := &Leg{Name: "plain", Upstream: u}
	var log []edge.Line
	for range 2 {
		x := l.begin(Plan{Part: Part{Fate: Good, Framing: ByLength, Size: 10}, Leg: "plain", place: "bearer"}, leg, crowd, time.Now())
		l.arrived(x.id, &arrival{Key: x.secret, Target: leg.target(), Nonce: x.id}, u)
		l.released(x.id, "", true, nil)
		l.end(x, outcome{status: 200, id: x.id, bytes: 10})
		log = append(log, edge.Line{
			Message: "exchange", RequestID: x.id, Method: "GET", Status: 200, Bytes: 10, Reason: "bearer_key", Cause: "complete",
		})
	}
	for _, line := range change(log) {
		line.Text = strings.ReplaceAll(line.Text, "{marker}", l.marker)
		l.Line(line)
	}
	l.Close()
	l.CheckStrangers()
	l.CheckNameless()
	all, _ := l.Findings()
	return strings.Join(all, "\n")
}

func TestTheLogIsChecked(t *testing.T) {
	with := func(change func(l *edge.Line)) func(all []edge.Line) []edge.Line {
		return func(all []edge.Line) []edge.Line {
			change(&all[1])
			return all
		}
	}
	more := func(l edge.Line) func(all []edge.Line) []edge.Line {
		return func(all []edge.Line) []edge.Line { return append(all, l) }
	}
	for _, tc := range []struct {
		name   string
		change func(all []edge.Line) []edge.Line
		want   string // in the findings; empty: none
	}{
		{"one line for each", with(func(*edge.Line) {}), ""},
		{"an id that is none of ours", more(edge.Line{Message: "exchange", RequestID: "a"}), "1 access lines with an id that nobody has"},
		{"two lines for one", func(all []edge.Line) []edge.Line { return append(all, all[0]) }, "a second access line of load-1"},
		{"no line at all", func([]edge.Line) []edge.Line { return nil }, "it has no access line"},
		{"a line that nobody has a request for", more(edge.Line{Message: "exchange", RequestID: "load-ff"}), "or that nobody sent"},
		{"a line of a head that nobody began", more(edge.Line{Message: "exchange"}), "1 access lines of heads that were not complete, want 0 to 0"},
		{"another status", with(func(l *edge.Line) { l.Status = 502 }), "it saw status 200"},
		{"another cause", with(func(l *edge.Line) { l.Cause = "upstream_aborted" }), "it saw a complete answer"},
		{"a departure that was none", with(func(l *edge.Line) { l.Cause = "client_left" }), "says that it has left"},
		{"another number of bytes", with(func(l *edge.Line) { l.Bytes = 9 }), "it got 10 bytes"},
		{"another reason", with(func(l *edge.Line) { l.Reason = "token" }), "the reason must be bearer_key"},
		{"another method", with(func(l *edge.Line) { l.Method = "POST" }), "another method"},
		{"a credential in a line", with(func(l *edge.Line) { l.Text = "/?k=key{marker}" }), "a credential stands in the log"},
		{"a race", more(edge.Line{Broken: true, Text: "WARNING: DATA RACE\n"}), "no JSON: WARNING: DATA RACE"},
		{"a panic that was caught", more(edge.Line{Level: "error", Message: "panic in an exchange", Text: "panic in an exchange"}), "panic in an exchange"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := told(t, tc.change); !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") {
				t.Errorf("got the findings %q, want %q", got, tc.want)
			}
		})
	}
}
