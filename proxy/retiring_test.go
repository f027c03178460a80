package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// aged gives the edge the same configuration but for client_max_age.
func aged(t *testing.T, e *proxytest.Edge, most time.Duration) {
	t.Helper()
	conf := e.Edge.Config()
	conf.Timeouts.ClientMaxAge = config.Duration{Duration: most}
	testkit.Must(t, e.Use(conf))
}

// TestAConnectionRetiresWithAnAnswer holds that every kind of answer can be the last of a
// connection that has outlived client_max_age, on each leg; and that it is the bound of
// now that counts, also for clients that were there before it was set.
func TestAConnectionRetiresWithAnAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, request string
		status        int
	}{
		{"upstream's", proxytest.PlainGet, 200},
		{"an error of the edge", "GET /..%2fa HTTP/1.1\nHost: edge\n\n", 400},
		{"a preflight", proxytest.Preflight, 204},
		{"an OPTIONS that goes no further", "OPTIONS / HTTP/1.1\nHost: edge\nMax-Forwards: 0\n\n", 204},
		{"a probe", "GET /healthz HTTP/1.1\nHost: edge\n\n", 200},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				e := leg.Start(t, func(c *config.Config) {
					c.Listen.HealthPath = "/healthz"
					r := c.Routes["api"]
					r.CORS.AllowedOrigins = []string{proxytest.Page}
					c.Routes["api"] = r
				}, proxytest.EchoKey)
				c := e.Dial()
				for _, young := range []time.Duration{0, time.Hour, 0} {
					aged(t, e, young)
					c.Send(proxytest.PlainGet)
					if m := c.Answer("GET"); m.Get("Connection") != "" {
						t.Fatalf("with client_max_age %s the answer says Connection: %s", young, m.Get("Connection"))
					}
				}
				aged(t, e, time.Nanosecond)
				c.Send(tc.request)
				if m := c.Answer(proxytest.MethodOf(tc.request)); m.Status() != tc.status || m.Get("Connection") != "close" {
					t.Errorf("answer %q with Connection %q, want %d and close", m.First, m.Get("Connection"), tc.status)
				}
				c.WantEnd(proxytest.Orderly)
			})
		}
	}
}

// TestWhatRunsIsNotCutForItsAge holds that a stream whose head is out goes on to its end,
// and that its connection retires with the next answer.
func TestWhatRunsIsNotCutForItsAge(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			more := make(chan struct{})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.ChunkedHead + "5\nhello\n")
				<-more
				up.Send("5\nworld\n0\n\n")
				proxytest.EchoKey(up)
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			c.Bytes(10)
			aged(t, e, time.Nanosecond)
			close(more)
			if got := c.Bytes(15); got != proxytest.CRLF("5\nworld\n0\n\n") {
				t.Errorf("the stream goes on with %q", got)
			}
			e.WantExchange(200, "complete")
			c.Send(proxytest.PlainGet)
			if m := c.Answer("GET"); m.Status() != 200 || m.Get("Connection") != "close" {
				t.Errorf("the next answer is %v, want the last one", m)
			}
			c.WantEnd(proxytest.Orderly)
			e.WantExchange(200, "complete")
		})
	}
}

// TestATunnelHasNoAge holds that a WebSocket neither hears of client_max_age nor ends by
// it.
func TestATunnelHasNoAge(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.Switching)
		up.Raw(up.Bytes(4) + closeSaid)
	}), nil)
	aged(t, e, time.Nanosecond)
	c := e.Dial()
	c.Send(proxytest.Handshake)
	if m := c.Head(); m.Status() != 101 || !strings.EqualFold(m.Get("Connection"), "upgrade") {
		t.Errorf("answer %q with Connection %q", m.First, m.Get("Connection"))
	}
	c.Raw(said("hi"))
	if got := c.Bytes(4); got != said("hi") {
		t.Errorf("echo %q", got)
	}
	c.Raw(closeSent)
	e.WantExchange(101, "complete")
}

// TestAnIdleConnectionIsNotClosedForItsAge holds that a request which is on its way is
// not lost: it is answered, and that is the last answer.
func TestAnIdleConnectionIsNotClosedForItsAge(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.EchoKey), nil)
	idle, fresh := e.Dial(), e.Dial()
	idle.Send(proxytest.PlainGet)
	idle.Answer("GET")
	aged(t, e, time.Nanosecond)
	// All that a turn of the loop does has been done when another client has its answer.
	fresh.Send(proxytest.PlainGet)
	fresh.Answer("GET")
	fresh.WantEnd(proxytest.Orderly)
	e.WantMetric("apim_edge_client_connections", 1)
	idle.Send(proxytest.PlainGet)
	if m := idle.Answer("GET"); m.Status() != 200 || m.Get("Connection") != "close" {
		t.Errorf("answer %q with Connection %q, want 200 and close", m.First, m.Get("Connection"))
	}
	idle.WantEnd(proxytest.Orderly)
}
