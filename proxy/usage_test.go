package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

func readUsage(c *config.Config) {
	r := c.Routes["api"]
	r.Usage, r.UsageModels = true, []string{"gpt4o-prod"}
	c.Routes["api"] = r
}

const (
	counted    = `{"id":"1","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":4}}}`
	lastEvents = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10}}\n\ndata: [DONE]\n\n"
)

func post(path, fields string) string {
	return "POST " + path + " HTTP/1.1\nHost: edge\nAuthorization: Bearer 0123abcd\n" + fields + "Content-Length: 2\n\n{}"
}

func answerOf(fields, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", strings.ReplaceAll(fields, "\n", "\r\n"), len(body), body)
}

// TestTokensOfAnAnswer holds what is counted of which exchange, and that the answer
// passes as it is.
func TestTokensOfAnAnswer(t *testing.T) {
	const json, stream = "Content-Type: application/json\n", "Content-Type: text/event-stream\n"
	for _, tc := range []struct {
		name, request, fields, body string
		in, out                     any // of the access line; nil: not there
		model, unknown              string
	}{
		{"JSON", post("/openai/v1/chat/completions", ""), json, counted, 19.0, 10.0, "none", ""},
		{"a deployment that is listed", post("/openai/deployments/gpt4o-prod/chat/completions?api-version=1", ""), json, counted, 19.0, 10.0, "gpt4o-prod", ""},
		{"one that is not", post("/openai/deployments/other/chat/completions", ""), json, counted, 19.0, 10.0, "none", ""},
		{"no type", post("/", ""), "", counted, 19.0, 10.0, "none", ""},
		{"a type with a suffix", post("/", ""), "Content-Type: application/problem+json; x=y\n", counted, 19.0, 10.0, "none", ""},
		{"a stream", post("/", ""), stream, lastEvents, 19.0, 10.0, "none", ""},
		{"a stream that does not tell", post("/", ""), stream, "data: {\"choices\":[]}\n\ndata: [DONE]\n\n", nil, nil, "", "not_told"},
		{"an answer that does not tell", post("/", ""), json, "{}", nil, nil, "", "not_told"},
		{"no body", post("/", ""), json, "", nil, nil, "", "not_told"},
		{"a compressed answer", post("/", ""), json + "Content-Encoding: gzip\n", "\x1f\x8bxx", nil, nil, "", "compressed"},
		{"a compressed stream", post("/", ""), stream + "Content-Encoding: br\n", "xx", nil, nil, "", "compressed"},
		{"speech", post("/", ""), "Content-Type: audio/mpeg\n", counted, nil, nil, "", "not_json"},
		{"what was said before", "GET /openai/v1/responses/resp_1 HTTP/1.1\nHost: edge\n\n", json, counted, nil, nil, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Raw(answerOf(tc.fields, tc.body))
				up.Gone()
			}), readUsage)
			if m := e.Ask(tc.request); m.Body != tc.body {
				t.Errorf("body %q, want %q", m.Body, tc.body)
			}
			if l := e.Exchange(); l["tokens_in"] != tc.in || l["tokens_out"] != tc.out {
				t.Errorf("access line %v, want tokens_in %v and tokens_out %v", l, tc.in, tc.out)
			}
			if tc.in != nil {
				series := fmt.Sprintf(`apim_edge_usage_tokens_total{route="api",upstream="legacy",model=%q,caller="none",type=`, tc.model)
				e.WantMetric(series+`"input"}`, 19)
				e.WantMetric(series+`"output"}`, 10)
			}
			if tc.in != nil && tc.body == counted {
				e.WantMetric(`apim_edge_usage_parts_total{type="cached"}`, 8)
				e.WantMetric(`apim_edge_usage_parts_total{type="reasoning"}`, 4)
			}
			all := strings.Join(e.Series(), "\n")
			if want := `apim_edge_usage_unknown_total{reason="` + tc.unknown + `"`; (tc.unknown != "") != strings.Contains(all, want) {
				t.Errorf("%q: want the series %v in\n%s", want, tc.unknown != "", all)
			}
		})
	}
}

// TestTokensArriveInPieces holds that an answer may come in any reads and chunks, and
// that each goes on at once, on every leg.
func TestTokensArriveInPieces(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			next := make(chan string)
			e := leg.Start(t, readUsage, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.StreamHead)
				for text := range next {
					up.Raw(text)
				}
				up.Gone()
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			want := func(text string) {
				if got := c.Bytes(len(text)); got != text {
					t.Errorf("got %q, want %q", got, text)
				}
			}
			for i := range lastEvents { // a chunk for each byte, and the client has it before the next one is sent
				chunk := "1\r\n" + lastEvents[i:i+1] + "\r\n"
				next <- chunk
				want(chunk)
			}
			next <- "0\r\n\r\n"
			close(next)
			want("0\r\n\r\n")
			if l := e.Exchange(); l["tokens_in"] != 19.0 || l["tokens_out"] != 10.0 {
				t.Errorf("access line %v", l)
			}
		})
	}
}

// TestTokensOfACutAnswer holds that what was told before counts, and that the rest is
// known to be missing.
func TestTokensOfACutAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, events string
		in           any
	}{
		{"before", "data: {\"choices\":[]}\n\n", nil},
		{"behind", "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n", 25.0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.StreamHead)
				up.Raw(fmt.Sprintf("%x\r\n%s\r\n", len(tc.events), tc.events))
				up.Reset()
			}), readUsage)
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			c.Gone()
			if l := e.Exchange(); l["tokens_in"] != tc.in || l["cause"] != "upstream_aborted" {
				t.Errorf("access line %v, want tokens_in %v", l, tc.in)
			}
			if tc.in == nil {
				e.WantMetric(`apim_edge_usage_unknown_total{reason="cut"}`, 1)
			}
		})
	}
}

// TestTokensByCaller holds that a caller is told by name only where its key is one of the
// edge's.
func TestTokensByCaller(t *testing.T) {
	key := clientkey.Generate()
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Raw(answerOf("", counted))
		up.Gone()
	}), func(c *config.Config) {
		readUsage(c)
		askForClients(c)
		c.Clients = map[string]config.Client{"team-a": {Keys: []string{clientkey.Hash(key)}}}
	})
	if m := e.Ask(strings.Replace(proxytest.Request, "0123abcd", key, 1)); m.Status() != 200 {
		t.Fatalf("answer %v", m)
	}
	e.Exchange()
	e.WantMetric(`apim_edge_usage_tokens_total{caller="team-a",type="input"}`, 19)
}

// TestTokensOverABridge holds that a model has the name of the bridge's table.
func TestTokensOverABridge(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Raw(answerOf("", counted))
		up.Gone()
	}), func(c *config.Config) {
		bridgeTo(c, "legacy")
		readUsage(c)
	})
	body := `{"model":"gpt-4o"}`
	e.Ask(fmt.Sprintf("POST /openai/v1/chat/completions HTTP/1.1\nHost: edge\nContent-Type: application/json\nContent-Length: %d\n\n%s", len(body), body))
	e.Exchange()
	e.WantMetric(`apim_edge_usage_tokens_total{model="gpt-4o",type="output"}`, 10)
}

// TestALargeAnswerIsReadAsWell: where nobody reads it, it would go by the kernel.
func TestALargeAnswerIsReadAsWell(t *testing.T) {
	body := `{"data":[{"b64_json":"` + strings.Repeat("iVBORw0KGgo+", 100_000) + `"}],"usage":{"input_tokens":50,"output_tokens":60}}`
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Raw(answerOf("Content-Type: application/json\n", body))
		up.Gone()
	}), readUsage)
	if m := e.Ask(proxytest.Request); m.Body != body {
		t.Errorf("%d bytes, want %d", len(m.Body), len(body))
	}
	if l := e.Exchange(); l["tokens_in"] != 50.0 || l["tokens_out"] != 60.0 {
		t.Errorf("access line %v", l)
	}
}
