package proxy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestAnAccessLineTellsThis holds the names of its fields, which are an
// allow-list, and what they say.
func TestAnAccessLineTellsThis(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send("HTTP/1.1 200 OK\nContent-Type: text/event-stream; charset=utf-8\nTransfer-Encoding: chunked\napim-request-id: 7f\n\n")
		up.Raw("9\r\ndata: 1\n\n\r\n17\r\nevent: x\ndata: [DONE]\n\n\r\n0\r\n\r\n")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send("POST /openai/v1/responses?api-version=1&subscription-key=k HTTP/1.1\nHost: edge\nX-Request-Id: mine\nUser-Agent: OpenAI/Python 2.34.0\nContent-Length: 2\n\n{}")
	m := c.Answer("POST")
	l := e.Exchange()
	want := proxytest.Line{
		"level": "info", "time": l["time"], "message": "exchange", "request_id": "mine", "method": "POST", "path": "/openai/v1/responses?api-version=1&subscription-key=***",
		"route": "api", "upstream": "legacy", "status": 200.0, "reason": "explicit_key", "upstream_status": 200.0, "apim_request_id": "7f",
		"bytes": l["bytes"], "bytes_up": l["bytes_up"], "first_byte_ms": l["first_byte_ms"], "duration_ms": l["duration_ms"],
		"stream": true, "client": "openai-python", "events": l["events"], "cause": "complete", "credential_notes": l["credential_notes"],
	}
	if !maps.Equal(l, want) || m.Status() != 200 {
		t.Errorf("access line\n%v\nwant\n%v", l, want)
	}
	if framed := float64(len(m.Body) + len("9\r\n\r\n17\r\n\r\n0\r\n\r\n")); l["bytes"] != framed {
		t.Errorf("bytes %v, want %v", l["bytes"], framed)
	}
	if l["events"] != 2.0 || l["bytes_up"].(float64) < 100 || l["duration_ms"].(float64) < l["first_byte_ms"].(float64) || l["first_byte_ms"].(float64) <= 0 {
		t.Errorf("access line %v", l)
	}
}

// TestAStreamThatDoesNotSayItsEndIsCounted holds that it is relayed as it is: most
// SDKs take it for complete.
func TestAStreamThatDoesNotSayItsEndIsCounted(t *testing.T) {
	for _, tc := range []struct{ name, events, cause string }{
		{"chat completions", "data: {}\n\ndata: [DONE]\n\n", "complete"},
		{"chat completions without the last event", "data: {}\n\n", "stream_incomplete"},
		{"responses", "event: response.created\ndata: {}\n\nevent: response.completed\ndata: {}\n\n", "complete"},
		{"responses that failed", "event: response.failed\ndata: {}\n\n", "complete"},
		{"responses without the last event", "event: response.created\ndata: {}\n\n", "stream_incomplete"},
		{"an error", "event: error\ndata: {}\n\n", "complete"},
		{"half an event", "data: {}\n\ndata: [DONE]\n", "stream_incomplete"},
		{"nothing", "", "stream_incomplete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.StreamHead)
				if tc.events != "" {
					up.Raw(fmt.Sprintf("%x\r\n%s\r\n", len(tc.events), tc.events))
				}
				up.Send("0\n\n")
				up.Gone()
			}), nil)
			if m := e.Ask(proxytest.Request); m.Body != tc.events {
				t.Errorf("body %q, want %q", m.Body, tc.events)
			}
			e.WantExchange(200, tc.cause)
			want := 0.0
			if tc.cause == "stream_incomplete" {
				want = 1
			}
			e.WantMetric(`apim_edge_streams_incomplete_total{route="api"}`, want)
		})
	}
}

// TestEventsPassOneByOne holds that what one read brings goes out in one write, at
// once: nothing is merged, split or held back, also where one event comes in
// several pieces.
func TestEventsPassOneByOne(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			next := make(chan string)
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.StreamHead)
				for text := range next {
					up.Raw(text)
				}
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			for _, text := range []string{
				"9\r\ndata: 1\n\n\r\n", "9\r\ndata", ": 2\n\n", "\r\n", "9", "\r", "\nd", "ata: 3\n\n\r\n", "9\r\ndata: 4\n\n\r\n9\r\ndata: 5\n\n\r\n", "0\r\n\r\n",
			} {
				next <- text // the next piece is sent when the client has this one
				if got := c.Bytes(len(text)); got != text {
					t.Fatalf("the client gets %q, want %q", got, text)
				}
			}
			close(next)
			e.WantExchange(200, "stream_incomplete")
		})
	}
}

// longestLine is what docs/operations.md promises: no line of the log is longer,
// whatever comes in.
const longestLine = 5 << 10

// TestLinesAreBounded holds that for heads that are as long as a head may be, in
// every part of which a line tells: accepted, refused, and of an upstream.
func TestLinesAreBounded(t *testing.T) {
	long := func(text string) string { return strings.Repeat(text, 60_000/len(text)) }
	rest := " HTTP/1.1\nHost: edge\n\n"
	for _, tc := range []struct{ name, request, path string }{
		{"a method of letters", long("M") + " /" + rest, "/"},
		{"a method in a head that is refused", long("M") + " /%00" + rest, "/%00"},
		{"a path of letters", "GET /" + long("x") + rest, "/xxxxxxxx"},
		{"a path of backslashes", "GET /" + long(`\`) + rest, `/\\\\\\\\`},
		{"a path of quotes", "GET /" + long(`"`) + rest, `/""""""""`},
		{"a path in a head that is refused", "GET /" + long(`\`) + "/.." + rest, `/\\\\\\\\`},
		{"control characters in a target that is refused", "GET /" + long("\x01") + rest, "/\x01\x01"},
		{"no UTF-8 in a target that is refused", "GET /" + long("\xff") + rest, "/\ufffd\ufffd"},
		{"a query", "GET /?" + long(`\=`) + rest, `/?\=\=`},
		{"a query of secrets", "GET /?" + long("key=k3y&") + rest, "/?key=***&key=***"},
		{"an id", "GET / HTTP/1.1\nHost: edge\nX-Request-Id: " + long(`"`) + "\n\n", "/"},
		{"an id of bytes that are no UTF-8", "GET / HTTP/1.1\nHost: edge\nX-Request-Id: " + strings.Repeat("\xff", 128) + "\n\n", "/"},
		{"an origin", "GET / HTTP/1.1\nHost: edge\nOrigin: https://" + long("\xff") + "\n\n", "/"},
		{"an origin in a head that is refused", "GET / HTTP/1.1\nHost: edge\nX y: z\nOrigin: https://" + long("\xff") + "\n\n", "/"},
		{"everything at once", strings.Repeat("M", 9_000) + " /" + strings.Repeat(`\`, 20_000) + "?" + strings.Repeat(`"`, 9_000) + " HTTP/1.1\nHost: edge\nX-Request-Id: " +
			strings.Repeat("\xff", 128) + "\nOrigin: " + strings.Repeat(`\`, 9_000) + "\nUser-Agent: " + strings.Repeat(`\`, 9_000) + "\n\n", `/\\\\`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send("HTTP/1.1 200 OK\napim-request-id: " + long("\xff") + "\nContent-Length: 2\n\nok")
				up.Gone()
			}), func(c *config.Config) {
				c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
			})
			c := e.Dial()
			c.Send(tc.request)
			c.Answer("GET")
			if got, _ := e.Exchange()["path"].(string); !strings.HasPrefix(got, tc.path) {
				t.Errorf("path %.40q, want it to begin with %q", got, tc.path)
			}
			for l := range strings.Lines(e.Log.String()) {
				if len(l) > longestLine {
					t.Errorf("a line of %d bytes, want %d at most: %.200s", len(l), longestLine, l)
				}
			}
		})
	}
}

// TestTheAccessLogCanBeOff holds that it is then off for every exchange.
func TestTheAccessLogCanBeOff(t *testing.T) {
	for name, off := range map[string]func(*config.Log){
		"by its own switch":                    func(l *config.Log) { l.Access = false },
		"by a level that its lines are not of": func(l *config.Log) { l.Level = "warn" },
	} {
		t.Run(name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.EchoKey), func(c *config.Config) { off(&c.Log) })
			e.Ask(proxytest.PlainGet)
			e.Ask("GET / HTTP/1.1\nX y: z\n\n")
			e.WantMetric(`apim_edge_errors_total{code="request_malformed"}`, 1)
			if all := e.Log.Exchanges(); len(all) != 0 {
				t.Errorf("access lines %v, want none", all)
			}
		})
	}
}

// TestMetricsHaveNoLabelFromARequest holds that a client cannot make series.
func TestMetricsHaveNoLabelFromARequest(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.EchoKey), nil)
	c := e.Dial()
	c.Send(proxytest.PlainGet)
	c.Answer("GET")
	e.WantExchange(200, "complete")
	before := e.Series()
	for i := range 20 {
		c.Send(fmt.Sprintf("M%d /%d?%d HTTP/1.1\nHost: host%d\nUser-Agent: agent%d\nX-Request-Id: id%d\nOrigin: https://o%d.example\n\n", i, i, i, i, i, i, i))
		c.Answer("GET")
		e.Exchange()
	}
	added := slices.DeleteFunc(e.Series(), func(s string) bool { return slices.Contains(before, s) })
	if len(added) > 2 { // another family of client, another class of status
		t.Errorf("twenty odd requests add the series %s", strings.Join(added, "\n"))
	}
}
