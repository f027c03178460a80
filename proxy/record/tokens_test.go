package record

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/usage"
)

func told(r *Route, model, holder string) *Record {
	var tap usage.Tap
	tap.Feed([]byte(`{"usage":{"input_tokens":3,"output_tokens":4,"output_tokens_details":{"reasoning_tokens":2}}}`))
	return &Record{Route: r, Upstream: r.legs[0].upstream, Model: model, Holder: holder, Tokens: &tap.Tokens}
}

// TestTokensAreCountedByWhomTheyAreFor holds the labels, and that the series of a route
// go with it.
func TestTokensAreCountedByWhomTheyAreFor(t *testing.T) {
	m := newMetrics()
	r := m.Route("api", "legacy")
	m.Use("one", []*Route{r})
	m.Observe(told(r, "gpt-4o", "team-a"))
	m.Observe(told(r, "gpt-4o", "team-a"))
	m.Observe(told(r, "", ""))
	m.Observe(&Record{Route: r, NoTokens: Compressed})
	got := values(t, m)
	for name, want := range map[string]float64{
		"usage_tokens_total{caller=team-a,model=gpt-4o,route=api,type=input,upstream=legacy}":    6,
		"usage_tokens_total{caller=team-a,model=gpt-4o,route=api,type=output,upstream=legacy}":   8,
		"usage_parts_total{caller=team-a,model=gpt-4o,route=api,type=reasoning,upstream=legacy}": 4,
		"usage_parts_total{caller=team-a,model=gpt-4o,route=api,type=cached,upstream=legacy}":    0,
		"usage_tokens_total{caller=none,model=none,route=api,type=input,upstream=legacy}":        3,
		"usage_unknown_total{reason=compressed,route=api}":                                       1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, there: %v; want %v", name, v, ok, want)
		}
	}
	m.Use("two", nil)
	m.Observe(told(r, "gpt-4o", "team-a")) // of an exchange that began before
	m.Observe(&Record{Route: r, NoTokens: NotTold})
	got = values(t, m)
	for name := range got {
		if strings.HasPrefix(name, "usage_") && !strings.Contains(name, "route=none") {
			t.Errorf("%s is there after its route was removed", name)
		}
	}
	if v := got["usage_tokens_total{caller=none,model=none,route=none,type=output,upstream=none}"]; v != 4 {
		t.Errorf("%v tokens are counted for no route, want 4", v)
	}
}

func TestEveryReasonHasAName(t *testing.T) {
	for n := range noTokensCount {
		if n.String() == "" {
			t.Errorf("reason %d has no name", n)
		}
	}
}

func TestCountingTokensAllocatesNothing(t *testing.T) {
	m := newMetrics()
	r := m.Route("api", "legacy")
	m.Use("one", []*Route{r})
	of, none := told(r, "gpt-4o", "team-a"), &Record{Route: r, NoTokens: NotTold}
	if n := testing.AllocsPerRun(100, func() { m.Observe(of); m.Observe(none) }); n > 0 {
		t.Errorf("counting tokens allocates %v times, want 0", n)
	}
}
