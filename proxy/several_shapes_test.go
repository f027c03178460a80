package proxy_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// straight has an upstream of the route be one that speaks what its clients speak.
func straight(name string) func(*config.Config) {
	return route(func(r *config.Route) {
		for i := range r.Upstreams {
			if r.Upstreams[i].Name == name {
				r.Upstreams[i].Shape = map[string]string{"legacy": "v1", "v1": "legacy"}[r.Bridge.To]
			}
		}
	})
}

// TestARequestMovesBetweenShapes holds that each of two upstreams is sent what it
// understands, whichever is asked first, and the same client sees one answer.
func TestARequestMovesBetweenShapes(t *testing.T) {
	long := `{"model":"gpt-5","input":"` + strings.Repeat("x", 100_000) + `"}`
	renamed := func(body string) string { return strings.Replace(body, "gpt-5", "five", 1) }
	const sent = "POST /v1/responses HTTP/1.1"
	legacy, nulled := "/openai/deployments/five/chat/completions?api-version=2025-01-01-preview", `{"messages":[],"model":null}`
	for name, tc := range map[string]struct {
		to             string
		parts          []string
		over, straight asked
	}{
		"v1 clients":            {"legacy", []string{sized("/v1/responses", modelLast)}, asked{responsesOfFive, renamed(modelLast)}, asked{sent, modelLast}},
		"in chunks":             {"legacy", []string{inChunks("/v1/responses", modelLast, 4)}, asked{responsesOfFive, renamed(modelLast)}, asked{sent, modelLast}},
		"in chunks, and long":   {"legacy", halves(inChunks("/v1/responses", long, 9_000)), asked{responsesOfFive, renamed(long)}, asked{sent, long}},
		"with its length, long": {"legacy", halves(sized("/v1/responses", long)), asked{responsesOfFive, renamed(long)}, asked{sent, long}},
		"legacy clients": {"v1", []string{sized(legacy, nulled)},
			asked{"POST /openai/v1/chat/completions HTTP/1.1", strings.Replace(nulled, "null", `"gpt-5"`, 1)}, asked{"POST " + legacy + " HTTP/1.1", nulled}},
	} {
		for _, first := range []string{"a", "b"} { // the one that is straight
			t.Run(name+", straight is "+first, func(t *testing.T) {
				t.Parallel()
				a, b := startMember(t, says(503, "", "down")), startMember(t, says(200, "", "right"))
				e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), func(c *config.Config) { bridgeTo(c, tc.to) }, straight(first)))
				if m := sendParts(e, tc.parts); m.Body != "right" {
					t.Fatalf("the answer is %v", m)
				}
				e.WantExchange(200, "complete")
				want := map[bool]asked{true: tc.straight, false: tc.over}
				wantAsked(t, a.requests(), want[first == "a"])
				wantAsked(t, b.requests(), want[first == "b"])
			})
		}
	}
}

func halves(request string) []string {
	return []string{request[:50_000], request[50_000:]}
}

// TestWhatCannotCrossGoesStraight holds that a request goes only where it can be
// understood, whatever the priorities say, and that it is refused where that is nowhere.
func TestWhatCannotCrossGoesStraight(t *testing.T) {
	const stranger = `{"model":"stranger"}`
	for name, tc := range map[string]struct {
		request string
		want    string // who is asked where the other one has priority; or the code of a refusal
		code    string // where nobody speaks v1
	}{
		"no such operation":        {sized("/v1/responses/resp_1/cancel", "{}"), "straight", "bridge_impossible"},
		"too new for a version":    {"GET /v1/containers HTTP/1.1\nHost: edge\n\n", "straight", "bridge_impossible"},
		"a model of no table":      {sized("/v1/chat/completions", stranger), "straight", "model_not_found"},
		"in chunks":                {inChunks("/v1/chat/completions", stranger, 3), "straight", "model_not_found"},
		"which comes late":         {sized("/v1/chat/completions", `{"messages":"`+strings.Repeat("x", 30_000)+`","model":"gpt-5"}`), "straight", "model_too_far"},
		"in a body that is packed": {strings.Replace(sized("/v1/chat/completions", stranger), "Host", "Content-Encoding: gzip\nHost", 1), "straight", "body_encoded"},
		"a path that is repaired":  {sized("/openai/deployments/five/chat/completions", "{}"), "over", ""},
		"two models":               {sized("/v1/chat/completions", `{"model":"gpt-5","model":"gpt-4o"}`), "model_unreadable", "model_unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over, direct := startMember(t, says(200, "", "over")), startMember(t, says(200, "", "straight"))
			urls := map[string][]string{"straight": {over.URL, direct.URL}, "over": {direct.URL, over.URL}}[tc.want]
			if urls == nil {
				urls = []string{over.URL, direct.URL}
			}
			which := map[bool]string{true: "a", false: "b"}[urls[0] == direct.URL]
			e := proxytest.StartEdge(t, nobody, and(several(urls...), toLegacy, straight(which)))
			m := e.Ask(tc.request)
			e.Exchange()
			if got := m.Body; got != tc.want && m.Get("x-apim-edge-error") != tc.want {
				t.Errorf("the answer is %v, want %s", m, tc.want)
			}
			for _, r := range direct.requests() {
				if sent, _, _ := strings.Cut(tc.request, "\n"); r.First != sent {
					t.Errorf("the upstream that is straight was sent %s, want %s", r.First, sent)
				}
			}
			e = proxytest.StartEdge(t, nobody, and(several(over.URL, direct.URL), toLegacy, straight("b"), route(func(r *config.Route) {
				r.Upstreams[1].Callers = []string{"sha256:" + strings.Repeat("00", 32)} // somebody else
			})))
			if m := e.Ask(tc.request); m.Get("x-apim-edge-error") != tc.code {
				t.Errorf("with nobody for it the answer is %v, want %s", m, tc.code)
			}
		})
	}
}
