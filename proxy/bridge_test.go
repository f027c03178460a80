package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// bridgedHead begins a request that a bridge to legacy has to read.
const bridgedHead = "POST /v1/chat/completions HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n"

// toLegacy leads clients of v1 to a legacy upstream.
func toLegacy(c *config.Config) { bridgeTo(c, "legacy") }

// toV1 leads legacy clients to an upstream that speaks v1.
func toV1(c *config.Config) { bridgeTo(c, "v1") }

func bridgeTo(c *config.Config, to string) {
	r := c.Routes["api"]
	r.Bridge = config.Bridge{To: to, BodyHead: config.Size{Bytes: 1 << 10}, Models: map[string]config.BridgeModel{
		"gpt-4o": {Deployment: "prod/4o", APIVersion: "2024-10-21"}, "gpt-5": {Deployment: "five", APIVersion: "2025-04-01-preview"},
	}}
	c.Routes["api"] = r
}

// asked is what the upstream of a bridge is sent.
type asked struct{ line, body string }

// crossing starts an edge with a bridge in front of an upstream that answers each request
// and says what it was.
func crossing(t *testing.T, change func(*config.Config)) (*proxytest.Edge, <-chan asked) {
	t.Helper()
	got := make(chan asked, 1)
	return proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Each(func(m proxytest.Message) {
			got <- asked{m.First, m.Body}
			up.Send("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
		})
	}), change), got
}

func sized(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\nHost: edge\nContent-Type: application/json\nContent-Length: %d\n\n", target, len(body)) + body
}

// inChunks frames a body in chunks of n bytes.
func inChunks(target, body string, n int) string {
	var b strings.Builder
	b.WriteString("POST " + target + " HTTP/1.1\nHost: edge\nContent-Type: application/json\nTransfer-Encoding: chunked\n\n")
	for len(body) > 0 {
		n = min(n, len(body))
		fmt.Fprintf(&b, "%x;a=b\n%s\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\n\n"
}

const (
	modelLast  = `{"messages":[{"model":"x"}],"model":"gpt-5"}`
	chatOfFive = "POST /openai/deployments/five/chat/completions?api-version=2025-04-01-preview HTTP/1.1"
)

func TestAcrossTheBridge(t *testing.T) {
	long := modelLast + strings.Repeat(" ", 30<<10)
	for _, tc := range []struct {
		name    string
		change  func(*config.Config)
		request string
		want    asked
	}{
		{"v1 to legacy", toLegacy, sized("/openai/v1/chat/completions?x=1&api-version=preview", modelLast),
			asked{strings.Replace(chatOfFive, "?", "?x=1&", 1), modelLast}},
		{"in chunks, which stay as they are", toLegacy, inChunks("/v1/chat/completions", modelLast, 5), asked{chatOfFive, modelLast}},
		{"a long body goes on as it comes", toLegacy, sized("/v1/chat/completions", long), asked{chatOfFive, long}},
		{"a key in the query does not go on", toLegacy, sized("/v1/chat/completions?subscription-key=abc", modelLast), asked{chatOfFive, modelLast}},
		{"responses, whose model is replaced", toLegacy, sized("/v1/responses", modelLast),
			asked{"POST /openai/responses?api-version=2025-04-01-preview HTTP/1.1", strings.Replace(modelLast, "gpt-5", "five", 1)}},
		{"and in chunks", toLegacy, inChunks("/v1/responses", modelLast, 3),
			asked{"POST /openai/responses?api-version=2025-04-01-preview HTTP/1.1", strings.Replace(modelLast, "gpt-5", "five", 1)}},
		{"legacy to v1", toV1, sized("/openai/deployments/prod%2F4o/chat/completions?api-version=2024-10-21", `{"model":null}`),
			asked{"POST /openai/v1/chat/completions HTTP/1.1", `{"model":"gpt-4o"}`}},
		{"where the body has no model", toV1, sized("/openai/deployments/five/embeddings?api-version=2024-10-21", `{"input":1}`),
			asked{"POST /openai/v1/embeddings HTTP/1.1", `{"model":"gpt-5","input":1}`}},
		{"and goes on", toV1, sized("/openai/deployments/five/chat/completions?api-version=2024-10-21", `{"model":"x"`+strings.Repeat(" ", 30<<10)+"}"),
			asked{"POST /openai/v1/chat/completions HTTP/1.1", `{"model":"gpt-5"` + strings.Repeat(" ", 30<<10) + "}"}},
		{"no body", toLegacy, "GET /v1/files HTTP/1.1\nHost: edge\n\n", asked{"GET /openai/files?api-version=2025-04-01-preview HTTP/1.1", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, got := crossing(t, tc.change)
			c := e.Dial()
			defer c.Close() //nolint:errcheck // a test's end
			for range 2 {   // the connection goes on
				c.Send(tc.request)
				if m := c.Answer("POST"); m.Status() != 200 || m.Body != "ok" {
					t.Fatalf("got %+v", m)
				}
				if g := <-got; g != tc.want {
					t.Errorf("the upstream was sent %s\n%.200q (%d bytes), want %s\n%.200q (%d bytes)", g.line, g.body, len(g.body), tc.want.line, tc.want.body, len(tc.want.body))
				}
			}
		})
	}
}

// TestABodyMayComeInAnyPieces sends a request byte by byte, chunks included, and holds
// that the upstream reads the same wherever the edge has stopped to look.
func TestABodyMayComeInAnyPieces(t *testing.T) {
	body := `{"model":"gpt-5","input":"0123456789"}`
	want := asked{"POST /openai/responses?api-version=2025-04-01-preview HTTP/1.1", strings.Replace(body, "gpt-5", "five", 1)}
	for _, request := range []string{sized("/v1/responses", body), inChunks("/v1/responses", body, 7), inChunks("/v1/responses", body, 100)} {
		request = proxytest.CRLF(request)
		start := strings.Index(request, "\r\n\r\n") + 4
		e, got := crossing(t, toLegacy)
		c := e.Dial()
		for cut := start; cut < len(request); cut++ {
			c.Raw(request[:cut])
			e.WantMetric("apim_edge_exchanges_inflight", 1) // it has looked at that
			c.Raw(request[cut:])
			if m := c.Answer("POST"); m.Status() != 200 {
				t.Fatalf("cut at %d: %+v", cut-start, m)
			}
			if g := <-got; g != want {
				t.Fatalf("cut at %d of\n%q\ngot  %+v\nwant %+v", cut-start, request, g, want)
			}
			e.WantMetric("apim_edge_exchanges_inflight", 0)
		}
		_ = c.Close()
	}
}

func TestAClientThatWaitsIsToldToGoOn(t *testing.T) {
	e, got := crossing(t, toLegacy)
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	c.Send("POST /v1/chat/completions HTTP/1.1\nHost: edge\nExpect: 100-continue\nContent-Length: " + fmt.Sprint(len(modelLast)) + "\n\n")
	if m := c.Head(); m.Status() != 100 {
		t.Fatalf("got %+v, want 100", m)
	}
	c.Raw(modelLast)
	if m := c.Answer("POST"); m.Status() != 200 {
		t.Fatalf("got %+v", m)
	}
	if g := <-got; g != (asked{chatOfFive, modelLast}) {
		t.Errorf("got %+v", g)
	}
}

func TestModelsAreAnsweredByTheEdge(t *testing.T) {
	e := proxytest.StartEdge(t, "http://127.0.0.1:1", func(c *config.Config) {
		toLegacy(c)
		r := c.Routes["api"]
		r.CORS.AllowedOrigins = []string{proxytest.Page}
		c.Routes["api"] = r
	})
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	for range 2 {
		c.Send("GET /openai/v1/models HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n\n")
		m := c.Answer("GET")
		if m.Status() != 200 || !strings.Contains(m.Body, `"gpt-4o"`) || m.Get("Access-Control-Allow-Origin") != proxytest.Page || m.Get("x-request-id") == "" {
			t.Errorf("got %+v", m)
		}
		e.WantExchange(200, "complete")
	}
}

// TestWhatABridgeTells holds the access line and the metric of a request whose path was
// repaired.
func TestWhatABridgeTells(t *testing.T) {
	e, got := crossing(t, toLegacy)
	m := e.Ask(sized("/deployments/five/chat/completions", "{}"))
	if m.Status() != 200 {
		t.Fatalf("got %+v", m)
	}
	if g := <-got; g != (asked{chatOfFive, "{}"}) {
		t.Errorf("got %+v", g)
	}
	if line := e.WantExchange(200, "complete"); line["model"] != "gpt-5" || line["stray"] != "no_api_version" || line["path"] != "/deployments/five/chat/completions" {
		t.Errorf("got %v", line)
	}
	e.WantMetric(`apim_edge_bridge_strays_total{stray="no_api_version"}`, 1)
}

// TestAClientThatPausesInItsBody holds that a body which is looked at has the bounds of
// one that goes on.
func TestAClientThatPausesInItsBody(t *testing.T) {
	e := proxytest.StartEdge(t, "http://127.0.0.1:1", func(c *config.Config) {
		toLegacy(c)
		c.Timeouts.RequestBodyIdle = short
	})
	c := e.Dial()
	c.Send(bridgedHead + "Content-Length: 100\n\n{")
	proxytest.WantError(t, c.Answer("POST"), 408, "request_timeout", "")
	e.WantExchange(408, "request_timeout")
	e = proxytest.StartEdge(t, "http://127.0.0.1:1", toLegacy) // patient: it is the client who leaves
	c = e.Dial()
	c.Send(bridgedHead + "Content-Length: 100\n\n{")
	e.WantMetric("apim_edge_exchanges_inflight", 1)
	_ = c.Close()
	e.WantExchange(0, "client_left")
}

// TestModelsAreForThoseWhoMayPass holds that what the route requires stands in front of
// what the edge answers by itself.
func TestModelsAreForThoseWhoMayPass(t *testing.T) {
	i := identitytest.Start(t)
	e := proxytest.StartEdge(t, "http://127.0.0.1:1", guarded(i, toLegacy))
	waitForKeys(t, e)
	for _, tc := range []struct {
		credential string
		status     int
	}{{"", 401}, {bearer(i.Token(audience, nil)), 200}} {
		if m := e.Ask("GET /v1/models HTTP/1.1\nHost: edge\n" + tc.credential + "\n"); m.Status() != tc.status {
			t.Errorf("with %.20q: got %+v, want %d", tc.credential, m, tc.status)
		}
		e.Exchange()
	}
}
