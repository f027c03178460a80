package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

const responsesOfFive = "POST /openai/responses?api-version=2025-04-01-preview HTTP/1.1"

// crossings are requests over a bridge, in the pieces in which they come, and what each
// upstream is sent.
func crossings() map[string]struct {
	parts []string
	want  asked
} {
	// Here the name of the model is replaced, and there it goes into the path.
	first := `{"model":"gpt-5","input":"` + strings.Repeat("x", 100_000) + `"}`
	renamed := func(body string) asked { return asked{responsesOfFive, strings.Replace(body, "gpt-5", "five", 1)} }
	chunked := inChunks("/v1/responses", first, 30_000)
	return map[string]struct {
		parts []string
		want  asked
	}{
		"with its length":             {[]string{sized("/v1/responses", modelLast)}, renamed(modelLast)},
		"and goes on":                 {[]string{sized("/v1/responses", first)[:40_000], sized("/v1/responses", first)[40_000:]}, renamed(first)},
		"in chunks":                   {[]string{inChunks("/v1/responses", modelLast, 3)}, renamed(modelLast)},
		"in chunks, and goes on":      {[]string{chunked[:200], chunked[200:50_000], chunked[50_000:]}, renamed(first)},
		"in chunks, with a trailer":   {[]string{strings.TrimSuffix(inChunks("/v1/responses", modelLast, 7), "\n") + "X-Sum: 1\n\n"}, renamed(modelLast)},
		"nothing replaced":            {[]string{sized("/v1/chat/completions", modelLast)}, asked{chatOfFive, modelLast}},
		"nothing replaced, in chunks": {[]string{inChunks("/v1/chat/completions", modelLast, 5)}, asked{chatOfFive, modelLast}},
	}
}

// sendParts sends the parts, each when the one before has been looked at.
func sendParts(e *proxytest.Edge, parts []string) proxytest.Message {
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	for i, part := range parts {
		if i > 0 {
			e.WantMetric("apim_edge_exchanges_inflight", 1)
		}
		c.Send(part)
	}
	return c.Answer("POST")
}

// TestARequestCrossesForEachUpstream holds that the next upstream is sent the same as the
// one before, however much of the body has gone there.
func TestARequestCrossesForEachUpstream(t *testing.T) {
	for cause, first := range map[string]string{
		"no connection": nobody,
		"429":           startMember(t, says(429, throttle, "full")).URL,
		"503":           startMember(t, says(503, "", "down")).URL,
	} {
		for name, tc := range crossings() {
			t.Run(cause+", "+name, func(t *testing.T) {
				b := startMember(t, says(200, "", "right"))
				e := proxytest.StartEdge(t, nobody, and(several(first, b.URL), toLegacy))
				if m := sendParts(e, tc.parts); m.Body != "right" {
					t.Fatalf("the answer is %v", m)
				}
				if l := e.WantExchange(200, "complete"); l["upstream"] != "b" || l["model"] != "gpt-5" {
					t.Errorf("the access line is %v", l)
				}
				wantAsked(t, b.requests(), tc.want)
			})
		}
	}
}

// TestALargeBodyIsSentFromWhereItLies holds of a body that is larger than buffers, records and
// what the kernel takes at once that it arrives whole, its model replaced, at the one who
// refuses it and at the next, and that its length is right.
func TestALargeBodyIsSentFromWhereItLies(t *testing.T) {
	var text strings.Builder // no two pieces of it are alike
	for i := 0; text.Len() < 250_000; i++ {
		fmt.Fprintf(&text, "%d ", i)
	}
	body := `{"input":"` + text.String() + `","model":"gpt-5","user":"me"}`
	want := asked{responsesOfFive, strings.Replace(body, "gpt-5", "five", 1)}
	for leg, start := range map[string]func(testing.TB, ...func(*proxytest.Peer)) string{"plain": proxytest.StartUpstream, "TLS": proxytest.StartTLSUpstream} {
		for name, request := range map[string]string{
			"a length": sized("/v1/responses", body), "chunks": inChunks("/v1/responses", body, 9_000), "one chunk": inChunks("/v1/responses", body, len(body)),
		} {
			t.Run(leg+", "+name, func(t *testing.T) {
				a, b := startMemberOn(t, start, says(429, throttle, "full")), startMemberOn(t, start, says(200, "", "right"))
				e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), toLegacy, route(func(r *config.Route) {
					r.Bridge.BodyHead.Bytes, r.Failover.BodyHead.Bytes = 1<<20, 1<<20
				})))
				if m := e.Ask(request); m.Body != "right" {
					t.Fatalf("the answer is %v", m)
				}
				e.WantExchange(200, "complete")
				wantAsked(t, append(a.requests(), b.requests()...), want, want)
			})
		}
	}
}

// TestACrossingIsShownWithTheSecondKey is the same for two keys of one upstream.
func TestACrossingIsShownWithTheSecondKey(t *testing.T) {
	for name, tc := range crossings() {
		t.Run(name, func(t *testing.T) {
			seen := make(chan proxytest.Message, 9)
			e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, refusing(seen, "old")), own("api-key", "old", "new").Credential, toLegacy)
			if m := sendParts(e, tc.parts); m.Body != "right" {
				t.Fatalf("the answer is %v", m)
			}
			wantAsked(t, []proxytest.Message{<-seen, <-seen}, tc.want, tc.want)
		})
	}
}

// TestABodyMayComeInAnyPiecesForTwo cuts a body at each byte, chunks included: up to there
// it is looked at, and maybe on its way, and the rest comes before the first upstream
// refuses it.
func TestABodyMayComeInAnyPiecesForTwo(t *testing.T) {
	body := `{"model":"gpt-5","input":"0123456789"}`
	want := asked{responsesOfFive, strings.Replace(body, "gpt-5", "five", 1)}
	for _, request := range []string{sized("/v1/responses", body), inChunks("/v1/responses", body, 7), inChunks("/v1/responses", body, 100)} {
		request = proxytest.CRLF(request)
		a, b := startMember(t, says(503, "", "down")), startMember(t, says(200, "", "right"))
		e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), toLegacy))
		c := e.Dial()
		for cut := strings.Index(request, "\r\n\r\n") + 4; cut < len(request); cut++ {
			c.Raw(request[:cut])
			e.WantMetric("apim_edge_exchanges_inflight", 1) // it has looked at that
			c.Raw(request[cut:])
			if m := c.Answer("POST"); m.Body != "right" {
				t.Fatalf("cut at %d of\n%q\ngot %v", cut, request, m)
			}
			e.Exchange()
		}
		_ = c.Close()
		for _, m := range append(a.requests(), b.requests()...) {
			wantAsked(t, []proxytest.Message{m}, want)
		}
		if n := len(a.requests()); n != len(b.requests()) {
			t.Errorf("the first upstream was asked %d times", n)
		}
	}
}

// TestAHeldBodyThatIsTooLargeForFailover holds that what was held to find the model is
// not moved beyond failover.body_head, and the answer passes.
func TestAHeldBodyThatIsTooLargeForFailover(t *testing.T) {
	a, b := startMember(t, says(429, throttle, "full")), startMember(t, says(200, "", "right"))
	e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), toLegacy, route(func(r *config.Route) { r.Failover.BodyHead.Bytes = 30 })))
	for _, want := range []string{"full", "right"} { // it has heard that the first one throttles
		if m := e.Ask(sized("/v1/responses", modelLast)); m.Body != want {
			t.Errorf("the answer is %v, want %q", m, want)
		}
		e.Exchange()
	}
}

func wantAsked(t *testing.T, got []proxytest.Message, want ...asked) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d requests, want %d: %.300q", len(got), len(want), fmt.Sprint(got))
	}
	for i, m := range got {
		if g := (asked{m.First, m.Body}); g != want[i] {
			t.Errorf("request %d is %s\n%.200q (%d bytes), want %s\n%.200q (%d bytes)", i, g.line, g.body, len(g.body), want[i].line, want[i].body, len(want[i].body))
		}
	}
}
