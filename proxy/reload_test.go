package proxy_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestAReloadHoldsForWhatBeginsAfterIt holds that a stream which runs is not
// touched, whatever of its configuration goes away, and that the next request on
// the same connection goes by the new one.
func TestAReloadHoldsForWhatBeginsAfterIt(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			more := make(chan struct{})
			other := proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				m := up.Request()
				up.Send("HTTP/1.1 200 OK\nContent-Length: 4\n\n" + m.Get("x-new-key"))
				up.Gone()
			})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				if m := up.Request(); m.Get("api-key") != "0123abcd" {
					t.Errorf("the first request arrives with %v", m.Fields)
				}
				up.Send(proxytest.StreamHead + "5\nhello\n")
				<-more
				up.Send("5\nworld\n0\n\n")
				up.Gone()
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			c.Bytes(10)
			if err := e.Use(proxytest.Configuration(other, func(c *config.Config) {
				c.Routes = map[string]config.Route{"v2": {PathPrefix: "/", Credential: config.Credential{Header: "X-New-Key"}}}
			})); err != nil {
				t.Fatal(err)
			}
			close(more)
			if got := c.Bytes(15); got != proxytest.CRLF("5\nworld\n0\n\n") {
				t.Errorf("the stream goes on with %q", got)
			}
			e.WantExchange(200, "stream_incomplete")
			c.Send("GET / HTTP/1.1\nHost: edge\nAuthorization: Bearer new1\n\n")
			if m := c.Answer("GET"); m.Body != "new1" {
				t.Errorf("the next answer is %v", m)
			}
			if l := e.WantExchange(200, "complete"); l["route"] != "v2" {
				t.Errorf("access line %v, want route v2", l)
			}
		})
	}
}

// TestAReloadThatFailsChangesNothing holds that all of it or none of it is used,
// and that every fault is named.
func TestAReloadThatFailsChangesNothing(t *testing.T) {
	url := proxytest.StartUpstream(t, proxytest.EchoKey)
	e := proxytest.StartEdge(t, url, nil)
	err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
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
	if m := e.Ask(strings.Replace(proxytest.PlainGet, "\n\n", "\napi-key: k\n\n", 1)); m.Body != "/ k 0" {
		t.Errorf("the answer after that is %v", m)
	}
	e.WantExchange(200, "complete")
}

// TestConnectionsOutliveAReload holds that an upstream which a reload does not
// change keeps its pool, and that one which it does change loses it.
func TestConnectionsOutliveAReload(t *testing.T) {
	url := proxytest.StartUpstream(t, proxytest.EchoKey)
	e := proxytest.StartEdge(t, url, nil)
	dialed := func() float64 {
		return e.Metric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`)
	}
	c := e.Dial()
	ask := func() {
		t.Helper()
		c.Send(proxytest.PlainGet)
		if m := c.Answer("GET"); m.Status() != 200 {
			t.Errorf("answer %v", m)
		}
		e.WantExchange(200, "complete")
	}
	ask()
	for range 3 {
		if err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
			c.Routes["more"] = config.Route{PathPrefix: "/more", Upstream: "legacy"}
		})); err != nil {
			t.Fatal(err)
		}
		ask()
	}
	if n := dialed(); n != 1 {
		t.Errorf("%v connections dialed over three reloads, want 1", n)
	}
	if err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
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
	e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 1)
}

// TestWhatRunsOnARemovedUpstreamIsSeen holds that its connection is counted until
// the exchange has ended, and nothing of it behind that.
func TestWhatRunsOnARemovedUpstreamIsSeen(t *testing.T) {
	end := make(chan struct{})
	url := proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		<-end
		up.Send("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
		up.Gone()
	})
	e := proxytest.StartEdge(t, url, nil)
	c := e.Dial()
	c.Send(proxytest.PlainGet)
	e.WantMetric(`apim_edge_upstream_connections{state="in_use",upstream="legacy"}`, 1)
	if err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
		c.Upstreams["other"] = c.Upstreams["legacy"]
		delete(c.Upstreams, "legacy")
		c.Routes["api"] = config.Route{PathPrefix: "/", Upstream: "other"}
	})); err != nil {
		t.Fatal(err)
	}
	e.WantMetric(`apim_edge_upstream_connections{state="in_use",upstream="legacy"}`, 1)
	close(end)
	if m := c.Answer("GET"); m.Body != "ok" {
		t.Errorf("answer %v", m)
	}
	e.WantExchange(200, "complete")
	left := func() bool {
		return slices.ContainsFunc(e.Series(), func(s string) bool { return strings.Contains(s, `upstream="legacy"`) })
	}
	proxytest.Eventually(t, func() bool { return !left() }, func() string {
		return "series of the upstream that was removed: " + strings.Join(e.Series(), "\n")
	})
}

// TestARouteCountsFromItsFirstExchange holds that nobody meets a route that a reload
// has brought before it can count.
func TestARouteCountsFromItsFirstExchange(t *testing.T) {
	url := proxytest.StartUpstream(t, proxytest.EchoKey)
	e := proxytest.StartEdge(t, url, func(c *config.Config) {
		c.Routes["api"] = config.Route{PathPrefix: "/", Upstream: "legacy", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
	})
	cors := config.CORS{AllowedOrigins: []string{proxytest.Page}}
	stop, clients := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		clients.Go(func() {
			c := e.Aside().Dial()
			for {
				select {
				case <-stop:
					return
				default:
				}
				c.Send("OPTIONS / HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\nAccess-Control-Request-Method: POST\n\n") // the shortest exchange
				if m := c.Answer("OPTIONS"); m.Status() != 204 {
					t.Errorf("answer %v", m)
					return
				}
			}
		})
	}
	for n := range 300 {
		if err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
			c.Routes = map[string]config.Route{fmt.Sprintf("r%d", n): {PathPrefix: "/", Upstream: "legacy", CORS: cors}}
		})); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	clients.Wait()
	if strings.Contains(e.Log.String(), "panic") {
		t.Errorf("the log tells of a panic:\n%s", e.Log)
	}
}
