package proxy_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
	"github.com/apim-edge/apim-edge/proxy/trace"
)

func traceShare(share float64) func(*config.Config) {
	return func(c *config.Config) {
		c.Traces.Endpoint, c.Traces.Sample = "http://127.0.0.1:4318", config.Share{Of: share}
	}
}

const (
	traceID   = "0af7651916cd43dd8448eb211c80319c"
	sampled   = "traceparent: 00-" + traceID + "-b7ad6b7169203331-01\n"
	unsampled = "traceparent: 00-" + traceID + "-b7ad6b7169203331-00\n"
	state     = "Tracestate: vendor=1\n"
)

// TestTheUpstreamIsToldTheSpan holds which traceparent and tracestate go upstream.
func TestTheUpstreamIsToldTheSpan(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*config.Config)
		fields string
		same   bool // what goes upstream is what came
		id     string
		state  string // upstream
	}{
		{"off", nil, sampled + state, true, "", "vendor=1"},
		{"a parent that is traced", traceShare(0), sampled + state, false, traceID, "vendor=1"},
		{"one in other spelling", traceShare(0), "TraceParent: 00-" + traceID + "-b7ad6b7169203331-01\n", false, traceID, ""},
		{"a parent that is not", traceShare(1), unsampled + state, true, "", "vendor=1"},
		{"none, and none of them", traceShare(0), state, true, "", "vendor=1"},
		{"none, and all of them", traceShare(1), state, false, "*", ""},
		{"two, and all of them", traceShare(1), sampled + sampled + state, false, "*", ""},
		{"two, and none of them", traceShare(0), sampled + sampled + state, true, "", "vendor=1"},
		{"one that is not valid, and all of them", traceShare(1), "traceparent: x\n" + state, false, "*", ""},
		{"one that is not valid, and none of them", traceShare(0), "traceparent: x\n" + state, true, "", "vendor=1"},
		{"named in Connection", traceShare(0), "Connection: traceparent, tracestate\n" + sampled, false, traceID, ""},
		{"one that only looks like it", traceShare(0), "trace_parent: 00-x\n", true, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := make(chan proxytest.Message, 1)
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				got <- up.Request()
				up.Raw(answerOf("", "{}"))
				up.Gone()
			}), tc.change)
			if m := e.Ask(post("/", tc.fields)); m.Status() != 200 {
				t.Fatalf("answer %v", m)
			}
			e.Exchange()
			m, traces := <-got, e.Traces(t, map[bool]int{false: 1}[tc.same])
			if m.Get("tracestate") != tc.state {
				t.Errorf("tracestate %q goes upstream, want %q", m.Get("tracestate"), tc.state)
			}
			parent := m.Get("traceparent")
			if tc.same {
				came := strings.Count(tc.fields, traceID)
				if strings.Count(parent, traceID) != came || len(traces) != 0 {
					t.Errorf("traceparent %q goes upstream, and %d are traced", parent, len(traces))
				}
				return
			}
			if len(traces) != 1 || len(traces[0].Attempts) != 1 {
				t.Fatalf("traced: %+v", traces)
			}
			x := traces[0]
			want := "00-" + hex.EncodeToString(x.ID[:]) + "-" + hex.EncodeToString(x.Attempts[0].Span[:]) + "-01"
			if parent != want {
				t.Errorf("traceparent %q goes upstream, want %q", parent, want)
			}
			if id := hex.EncodeToString(x.ID[:]); tc.id != "*" && id != tc.id || tc.id == "*" && id == traceID {
				t.Errorf("the trace is %s, want %s", id, tc.id)
			}
			if (tc.id == "*") != (x.Parent == [8]byte{}) {
				t.Errorf("the parent is %x", x.Parent)
			}
		})
	}
}

// ordered fails where times do not follow each other.
func ordered(t *testing.T, x *trace.Trace) {
	t.Helper()
	last := x.Start
	for i, a := range x.Attempts {
		if a.Start < last || a.End < a.Start || a.Waits != 0 && (a.Waits < a.Start || a.Waits > a.End) ||
			a.Connected != 0 && (a.Connected < max(a.Start, a.Waits) || a.Connected > a.End) ||
			a.FirstByte != 0 && (a.FirstByte < a.Connected || a.FirstByte > a.End) {
			t.Errorf("attempt %d has times out of order: %+v", i, a)
		}
		last = a.End
	}
	if x.End < last || x.Now.IsZero() {
		t.Errorf("the end is out of order: %+v", x)
	}
}

// TestAttemptsAreTraced holds what a trace has of each attempt.
func TestAttemptsAreTraced(t *testing.T) {
	t.Run("a new connection, then a kept one", func(t *testing.T) {
		e := proxytest.StartEdgeOn(t, 1, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Each(func(proxytest.Message) { up.Raw(answerOf("", "{}")) })
		}), traceShare(1))
		c := e.Dial()
		for range 2 {
			c.Send(proxytest.Request)
			c.Answer("POST")
			e.Exchange()
		}
		all := e.Traces(t, 2)
		if len(all) != 2 {
			t.Fatalf("%d are traced, want 2", len(all))
		}
		for i, x := range all {
			ordered(t, x)
			a := x.Attempts[0]
			if len(x.Attempts) != 1 || a.Status != 200 || a.Error != "" || a.Upstream != "legacy" || a.Secure || a.FirstByte == 0 || a.Connected == 0 || x.Route != "/" {
				t.Errorf("%d: %+v", i, x)
			}
			if (a.Waits != 0) != (i == 0) {
				t.Errorf("%d has waited for a connection: %v", i, a.Waits != 0)
			}
		}
	})
	t.Run("a kept connection that is lost", func(t *testing.T) {
		e := proxytest.StartEdgeOn(t, 1, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Request()
			up.Raw(answerOf("", "{}"))
			up.Request()
			up.Fin() // without a byte of an answer: a GET is sent once more
		}, func(up *proxytest.Peer) {
			up.Request()
			up.Raw(answerOf("", "{}"))
			up.Gone()
		}), traceShare(1))
		for range 2 {
			e.Ask(proxytest.PlainGet)
			e.Exchange()
		}
		x := e.Traces(t, 2)[1]
		ordered(t, x)
		if len(x.Attempts) != 2 || x.Attempts[0].Error != "connection_lost" || x.Attempts[0].Status != 0 || x.Attempts[1].Status != 200 || x.Attempts[1].Error != "" {
			t.Errorf("attempts %+v", x.Attempts)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		e := proxytest.StartEdge(t, "http://127.0.0.1:1", traceShare(1))
		e.Ask(proxytest.Request)
		e.WantExchange(502, "upstream_connect_failed")
		x := e.Traces(t, 1)[0]
		ordered(t, x)
		if a := x.Attempts[0]; a.Error != "upstream_connect_failed" || a.Waits == 0 || a.Connected != 0 || a.Address != "127.0.0.1:1" {
			t.Errorf("attempts %+v", x.Attempts)
		}
	})
	t.Run("a stream that is cut", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Request()
			up.Send(proxytest.StreamHead)
			up.Reset()
		}), traceShare(1))
		c := e.Dial()
		c.Send(proxytest.Request)
		c.Head()
		c.Gone()
		e.Exchange()
		x := e.Traces(t, 1)[0]
		ordered(t, x)
		if a := x.Attempts[0]; a.Error != "upstream_aborted" || a.Status != 200 {
			t.Errorf("attempts %+v", x.Attempts)
		}
	})
	t.Run("refused at the edge", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
			traceShare(1)(c)
			r := c.Routes["api"]
			r.Credential.OnMissing = "reject"
			c.Routes["api"] = r
		})
		e.Ask(proxytest.PlainGet)
		e.WantExchange(401, "credential_missing")
		if all := e.Traces(t, 1); len(all) != 1 || len(all[0].Attempts) != 0 {
			t.Errorf("traced: %+v", all)
		}
	})
	t.Run("a preflight is none", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
			traceShare(1)(c)
			r := c.Routes["api"]
			r.CORS.AllowedOrigins = []string{proxytest.Page}
			c.Routes["api"] = r
		})
		e.Ask(proxytest.Preflight)
		e.WantExchange(204, "preflight")
		if all := e.Traces(t, 0); len(all) != 0 {
			t.Errorf("traced: %+v", all)
		}
	})
}
