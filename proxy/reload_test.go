package proxy_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestAReloadHoldsForWhatBeginsAfterIt holds that a stream which runs is not
// touched, whatever of its configuration goes away, and that the next request on
// the same connection goes by the new one.
func TestAReloadHoldsForWhatBeginsAfterIt(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			more := make(chan struct{})
			other := startUpstream(t, func(up *peer) {
				m := up.request()
				up.send("HTTP/1.1 200 OK\nContent-Length: 4\n\n" + m.get("x-new-key"))
				up.gone()
			})
			e := leg.start(t, nil, func(up *peer) {
				if m := up.request(); m.get("api-key") != "0123abcd" {
					t.Errorf("the first request arrives with %v", m.fields)
				}
				up.send(streamHead + "5\nhello\n")
				<-more
				up.send("5\nworld\n0\n\n")
				up.gone()
			})
			c := e.dial()
			c.send(request)
			c.head()
			c.bytes(10)
			if err := e.use(configuration(other, func(c *config.Config) {
				c.Routes = map[string]config.Route{"v2": {PathPrefix: "/", Credential: config.Credential{Header: "X-New-Key"}}}
			})); err != nil {
				t.Fatal(err)
			}
			close(more)
			if got := c.bytes(15); got != crlf("5\nworld\n0\n\n") {
				t.Errorf("the stream goes on with %q", got)
			}
			e.wantExchange(200, "stream_incomplete")
			c.send("GET / HTTP/1.1\nHost: edge\nAuthorization: Bearer new1\n\n")
			if m := c.answer("GET"); m.body != "new1" {
				t.Errorf("the next answer is %v", m)
			}
			if l := e.wantExchange(200, "complete"); l["route"] != "v2" {
				t.Errorf("access line %v, want route v2", l)
			}
		})
	}
}

// TestAReloadThatFailsChangesNothing holds that all of it or none of it is used,
// and that every fault is named.
func TestAReloadThatFailsChangesNothing(t *testing.T) {
	url := startUpstream(t, echoKey)
	e := startEdge(t, url, nil)
	err := e.use(configuration(url, func(c *config.Config) {
		c.Routes["new"] = config.Route{PathPrefix: "/new", Upstream: "nowhere"}
		c.Routes["api"] = config.Route{PathPrefix: "/", Credential: config.Credential{Header: "not a name"}}
		c.TrustedProxies = []string{"10.0.0.0/99"}
	}))
	if err == nil {
		t.Fatal("the faulty configuration was accepted")
	}
	for _, part := range []string{"routes.new", "routes.api", "trusted_proxies"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
	if m := e.ask(strings.Replace(plainGet, "\n\n", "\napi-key: k\n\n", 1)); m.body != "/ k 0" {
		t.Errorf("the answer after that is %v", m)
	}
	e.wantExchange(200, "complete")
}

// TestConnectionsOutliveAReload holds that an upstream which a reload does not
// change keeps its pool, and that one which it does change loses it.
func TestConnectionsOutliveAReload(t *testing.T) {
	url := startUpstream(t, echoKey)
	e := startEdge(t, url, nil)
	dialed := func() float64 {
		return e.metric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`)
	}
	c := e.dial()
	ask := func() {
		t.Helper()
		c.send(plainGet)
		if m := c.answer("GET"); m.status() != 200 {
			t.Errorf("answer %v", m)
		}
		e.wantExchange(200, "complete")
	}
	ask()
	for range 3 {
		if err := e.use(configuration(url, func(c *config.Config) {
			c.Routes["more"] = config.Route{PathPrefix: "/more", Upstream: "legacy"}
		})); err != nil {
			t.Fatal(err)
		}
		ask()
	}
	if n := dialed(); n != 1 {
		t.Errorf("%v connections dialed over three reloads, want 1", n)
	}
	if err := e.use(configuration(url, func(c *config.Config) {
		u := c.Upstreams["legacy"]
		u.MaxIdle = 7
		c.Upstreams["legacy"] = u
	})); err != nil {
		t.Fatal(err)
	}
	ask()
	if n := dialed(); n != 1 { // of the new pool
		t.Errorf("%v connections dialed by the changed upstream, want 1", n)
	}
	e.wantMetric(`apim_edge_upstream_connections{state="open",upstream="legacy"}`, 1)
}
