package load

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// A request may fail where it must not be moved, and nowhere else.
func TestNeedless(t *testing.T) {
	down := &Upstream{outages: []outage{{from: time.Unix(0, 0)}}}
	for _, tc := range []struct {
		name string
		x    Exchange
		line edge.Line
		want string // of the finding; empty: none
	}{
		{"well", Exchange{outcome: outcome{status: 200}}, edge.Line{Upstream: "r"}, ""},
		{"refused", Exchange{outcome: outcome{status: 429}}, edge.Line{Upstream: "r-2"}, "not moved"},
		{"refused, and too large", Exchange{Plan: Plan{Part: Part{Upload: Held}}, outcome: outcome{status: 429}}, edge.Line{Upstream: "r-2"}, ""},
		{"refused, and names an id", Exchange{Plan: Plan{Kind: named}, outcome: outcome{status: 503}}, edge.Line{Upstream: "r-2"}, ""},
		{"names an id, and was moved", Exchange{Plan: Plan{Kind: named}, outcome: outcome{status: 200}}, edge.Line{Upstream: "r-2", Moved: []string{"r=429"}}, "was moved"},
		{"no connection", Exchange{outcome: outcome{status: 502, code: "upstream_connect_failed"}}, edge.Line{Upstream: "r"}, "not moved"},
		{"begun where it died", Exchange{outcome: outcome{status: 502, code: "upstream_closed_early"}}, edge.Line{Upstream: "r", Cause: "upstream_closed_early"}, ""},
		{"begun where nothing was", Exchange{outcome: outcome{status: 502, code: "upstream_closed_early"}}, edge.Line{Upstream: "r-2", Cause: "upstream_closed_early"}, "was well"},
		{"asked twice", Exchange{refusals: map[*Upstream]int{down: 2}, outcome: outcome{status: 200}}, edge.Line{Upstream: "r-2"}, "2 times"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := tc.x
			x.Fate, x.line, x.leg = Good, &tc.line, &Leg{Name: "r", Upstream: down, Others: []*Upstream{{}}}
			x.start, x.ended = time.Now(), time.Now().Add(time.Second)
			if got := x.needless(); (got != "") != (tc.want != "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
