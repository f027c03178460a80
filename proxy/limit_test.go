package proxy_test

import (
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestAHeadUpToItsLimitPasses holds the bound to the byte, on a fresh connection
// and behind another request.
func TestAHeadUpToItsLimitPasses(t *testing.T) {
	for _, limit := range []int{4 << 10, 64 << 10} {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.EchoKey), func(c *config.Config) { c.Limits.Head = config.Size{Bytes: int64(limit)} })
		request := func(length int) string {
			const rest = "GET / HTTP/1.1\nHost: edge\napi-key: k\nX: \n\n"
			return strings.Replace(rest, "X: ", "X: "+strings.Repeat("x", length-len(proxytest.CRLF(rest))), 1)
		}
		c := e.Dial()
		for range 2 {
			c.Send(request(limit))
			if m := c.Answer("GET"); m.Body != "/ k 0" {
				t.Errorf("limit %d: answer %q to a head of that length", limit, m.First)
			}
			e.WantExchange(200, "complete")
		}
		c.Send(request(limit + 1))
		proxytest.WantError(t, c.Answer("GET"), 431, "head_too_large", "false")
		c.WantEnd(proxytest.Orderly)
		e.WantExchange(431, "head_too_large")
	}
}

// TestALongTokenPasses holds that Entra's tokens with many groups do.
func TestALongTokenPasses(t *testing.T) {
	token := "eyJhbGciOiJub25lIn0." + strings.Repeat("x", 15<<10) + ".y"
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		if m := up.Request(); m.Get("Authorization") != "Bearer "+token {
			t.Errorf("Authorization of %d bytes", len(m.Get("Authorization")))
		}
		up.Send(proxytest.FixedHead + "0123456789")
		up.Gone()
	}), nil)
	if m := e.Ask("GET / HTTP/1.1\nHost: edge\nAuthorization: Bearer " + token + "\n\n"); m.Status() != 200 {
		t.Errorf("answer %q", m.First)
	}
	e.WantExchange(200, "complete")
}

// TestFieldsAreBounded holds that many small fields are refused as one large one
// is.
func TestFieldsAreBounded(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), nil)
	m := e.Ask("GET / HTTP/1.1\nHost: edge\n" + strings.Repeat("X: y\n", 600) + "\n")
	proxytest.WantError(t, m, 400, "request_malformed", "false")
	e.WantExchange(400, "request_malformed")
}

// TestAPreflightIsAnsweredBeforeAnyLimit holds that a page sees the real answer
// to its real request: a preflight that fails looks like a CORS fault. Only on a
// connection beyond limits.connections nothing is read, not even that.
func TestAPreflightIsAnsweredBeforeAnyLimit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*config.Config)
	}{
		{"limits.exchanges", func(c *config.Config) { c.Limits.Exchanges = 1 }},
		{"max_connections of the upstream", func(c *config.Config) {
			u := c.Upstreams["legacy"]
			u.MaxConnections = 1
			c.Upstreams["legacy"] = u
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, silent(t), func(c *config.Config) {
				c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
				tc.change(c)
			})
			other := e.Dial()
			other.Send(proxytest.PlainGet)
			e.WantMetric("apim_edge_exchanges_inflight", 1)
			m := e.Ask(proxytest.Preflight)
			if m.Status() != 204 || m.Get("Access-Control-Allow-Origin") != proxytest.Page {
				t.Errorf("answer %q %v, want 204 that allows the origin", m.First, m.Fields)
			}
			e.WantExchange(204, "preflight")
			_ = other.Close()
			e.Exchange()
		})
	}
}

// TestExchangesAreBounded holds limits.exchanges: the connection of the one too
// many goes on, and so does it.
func TestExchangesAreBounded(t *testing.T) {
	answer := make(chan struct{})
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		<-answer
		up.Send(proxytest.FixedHead + "0123456789")
		up.Gone()
	}), func(c *config.Config) { c.Limits.Exchanges = 1 })
	first, second := e.Dial(), e.Dial()
	first.Send(proxytest.PlainGet)
	e.WantMetric("apim_edge_exchanges_inflight", 1)
	second.Send(proxytest.PlainGet)
	m := second.Answer("GET")
	proxytest.WantError(t, m, 503, "edge_overloaded", "true")
	if m.Get("Connection") != "" {
		t.Errorf("Connection %q, want it to go on", m.Get("Connection"))
	}
	e.WantExchange(503, "edge_overloaded")
	close(answer)
	first.Answer("GET")
	e.WantExchange(200, "complete")
	second.Send(proxytest.PlainGet)
	if m := second.Answer("GET"); m.Status() != 200 {
		t.Errorf("answer %q when a place is free", m.First)
	}
	e.WantExchange(200, "complete")
}

// TestAnswersThatNobodyReadsDoNotPileUp holds that a client which sends requests
// and reads no answer is held up, and let go when it stands still for too long.
func TestAnswersThatNobodyReadsDoNotPileUp(t *testing.T) {
	for _, tc := range []struct{ name, request string }{
		{"errors", "GET /%zz HTTP/1.1\nHost: edge\napi-key: a\napi-key: b\n\n"},
		{"preflights", proxytest.Preflight},
		{"answers of the upstream", proxytest.PlainGet},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request := strings.Replace(tc.request, "/%zz", "/v1", 1)
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				answer := "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)
				for {
					if _, err := up.TryHead(); err != nil {
						return
					}
					if _, err := io.WriteString(up, answer); err != nil {
						return
					}
				}
			}), func(c *config.Config) {
				c.Log.Access = false
				c.Timeouts.ClientWriteStall = short
				c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
			})
			before := inUse()
			c := e.Dial()
			many := proxytest.CRLF(strings.Repeat(request, 1000))
			sent, most := 0, int64(0)
			for err := error(nil); err == nil && sent < 256<<20; {
				var n int
				n, err = c.Write([]byte(many))
				sent += n
				most = max(most, inUse()-before)
			}
			if sent >= 256<<20 {
				t.Fatal("the edge took 256 MiB of requests from a client that reads nothing")
			}
			if most > 24<<20 {
				t.Errorf("%d bytes more in use after %d bytes of requests", most, sent)
			}
		})
	}
}

// inUse returns the bytes that the heap holds.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAStalledClientHoldsLittle holds that memory does not grow with what the
// upstream could send. The bound is for the edge and for both ends in this test:
// with TLS on both legs 110 KiB, of the portable twin 160.
func TestAStalledClientHoldsLittle(t *testing.T) {
	const clients, each, most = 20, 64 << 20, 256 << 10
	for _, leg := range []proxytest.Legs{proxytest.Plain, proxytest.TLSBoth} {
		t.Run(leg.Name, func(t *testing.T) {
			body := make([]byte, 64<<10)
			var sent atomic.Int64
			e := leg.Start(t, func(c *config.Config) { c.Timeouts.ClientWriteStall = config.Duration{Duration: time.Hour} }, func(up *proxytest.Peer) {
				up.Request()
				up.Send("HTTP/1.1 200 OK\nContent-Length: " + strconv.Itoa(each) + "\n\n")
				for range each / len(body) {
					n, err := up.Write(body)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
				t.Error("the upstream could send all of it")
			})
			before := inUse()
			var all []*proxytest.Peer
			for range clients {
				c := e.Dial()
				c.Send(proxytest.PlainGet)
				c.Head()
				all = append(all, c)
			}
			// Until nothing moves any more: the kernel's buffers are full.
			for last := int64(-1); last != sent.Load(); <-time.After(500 * time.Millisecond) {
				last = sent.Load()
			}
			if per := (inUse() - before) / clients; per > most {
				t.Errorf("a stalled client holds %d KiB, %d KiB are sent", per>>10, sent.Load()/clients>>10)
			}
			for _, c := range all {
				c.Reset()
				e.WantExchange(200, "client_left")
			}
		})
	}
}
