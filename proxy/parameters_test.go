package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// changing has the route of a test change its queries.
func changing(q config.Query) func(*config.Config) {
	return route(func(r *config.Route) { r.Query = q })
}

var someParameters = config.Query{Set: map[string]string{"api-version": "2024-10-21"}, Default: map[string]string{"tenant": "none"}, Remove: []string{"trace"}}

func TestAQueryIsChanged(t *testing.T) {
	u := startMember(t, says(200, "", "right"))
	e := proxytest.StartEdge(t, u.URL, changing(someParameters))
	for i, tc := range []struct{ sent, want string }{
		{"/v1/x", "/v1/x?api-version=2024-10-21&tenant=none"},
		{"/v1/x?", "/v1/x?api-version=2024-10-21&tenant=none"},
		{"/v1/x?b=%7e&API-Version=1&a&subscription-key=k", "/v1/x?b=%7e&a&api-version=2024-10-21&tenant=none"},
		{"/v1/x?Tenant=&trace=1&%74race", "/v1/x?Tenant=&api-version=2024-10-21"},
		{"http://edge/v1/x?a=1", "/v1/x?a=1&api-version=2024-10-21&tenant=none"},
	} {
		if m := e.Ask("GET " + tc.sent + " HTTP/1.1\nHost: edge\n\n"); m.Status() != 200 {
			t.Errorf("%s is answered %q", tc.sent, m.First)
		}
		if got, want := u.requests()[i].First, "GET "+tc.want+" HTTP/1.1"; got != want {
			t.Errorf("%s: the upstream is asked %q, want %q", tc.sent, got, want)
		}
		l := e.WantExchange(200, "complete")
		if path := fmt.Sprint(l["path"]); strings.Contains(path, "none") || strings.Contains(path, "2024") {
			t.Errorf("%s: the access line has what the upstream is asked: %s", tc.sent, path)
		}
	}
	if m := e.Ask("OPTIONS * HTTP/1.1\nHost: edge\n\n"); m.Status() != 200 || u.requests()[5].First != "OPTIONS * HTTP/1.1" {
		t.Errorf("what has no query is answered %q, and the upstream asked %q", m.First, u.requests()[5].First)
	}
	e.Exchange()
}

// TestEachAttemptHasTheSameQuery, also at another upstream.
func TestEachAttemptHasTheSameQuery(t *testing.T) {
	a, b := startMember(t, says(429, throttle, "full")), startMember(t, says(200, "", "right"))
	e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), changing(someParameters)))
	if m := e.Ask("GET /v1/x?x=1&trace=2 HTTP/1.1\nHost: edge\n\n"); m.Body != "right" {
		t.Errorf("the answer is %v", m)
	}
	e.WantExchange(200, "complete")
	const want = "GET /v1/x?x=1&api-version=2024-10-21&tenant=none HTTP/1.1"
	if first, second := a.requests()[0].First, b.requests()[0].First; first != want || second != want {
		t.Errorf("asked %q and then %q, want %q", first, second, want)
	}
}

// TestAQueryIsChangedBehindTheBridge: what the bridge writes stays.
func TestAQueryIsChangedBehindTheBridge(t *testing.T) {
	e, got := crossing(t, func(c *config.Config) {
		bridgeTo(c, "legacy")
		changing(config.Query{Set: map[string]string{"team": "red blue"}, Remove: []string{"trace"}})(c)
	})
	body := `{"model":"gpt-4o"}`
	e.Ask(fmt.Sprintf("POST /openai/v1/chat/completions?trace=1&a=b HTTP/1.1\nHost: edge\nContent-Length: %d\n\n%s", len(body), body))
	if line := (<-got).line; !strings.Contains(line, "/chat/completions?a=b&api-version=2024-10-21&team=red%20blue HTTP/1.1") {
		t.Errorf("the upstream is asked %q", line)
	}
	e.Exchange()
}

// TestExplainShowsTheQueryForTheUpstream, with values masked as any other.
func TestExplainShowsTheQueryForTheUpstream(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), changing(someParameters))
	explained := e.Edge.Explain([]byte("GET /v1/x?trace=1 HTTP/1.1\r\nHost: edge\r\n\r\n"))
	line, _, _ := strings.Cut(explained.Head, "\n")
	if strings.Contains(line, "trace") || !strings.Contains(line, "api-version=") || !strings.Contains(line, "tenant=") {
		t.Errorf("explain shows %q", line)
	}
}
