package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// limitTo gives the route of a test limits, and a page that may call. A rate of one an
// hour is none that a slow machine could make good.
func limitTo(l config.RouteLimits) func(*config.Config) {
	return func(c *config.Config) {
		r := c.Routes["api"]
		r.Limits, r.CORS.AllowedOrigins = l, []string{proxytest.Page}
		c.Routes["api"] = r
		c.Listen.HealthPath = "/healthz"
	}
}

// echoes are for as many connections as a test may make: each loop has its own.
var echoes = []func(*proxytest.Peer){proxytest.EchoKey, proxytest.EchoKey, proxytest.EchoKey, proxytest.EchoKey}

// ask sends a GET with these lines, and holds the status.
func ask(t *testing.T, e *proxytest.Edge, lines string, status int) proxytest.Message {
	t.Helper()
	m := e.Ask("GET /v1/x HTTP/1.1\nHost: edge\n" + lines + "\n")
	if m.Status() != status {
		t.Errorf("%q is answered %q, want %d", lines, m.First, status)
	}
	e.WantExchange(status, map[int]string{200: "complete", 204: "preflight", 429: "rate_limited"}[status])
	return m
}

func TestARefusalBeyondTheRate(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), limitTo(config.RouteLimits{Requests: "60/h", Burst: 2}))
	for range 2 {
		ask(t, e, bearer("0123abcd"), 200)
	}
	m := e.Ask("POST /v1/x HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n" + bearer("0123abcd") + "Content-Length: 2\n\n{}")
	proxytest.WantError(t, m, 429, "rate_limited", "true")
	wantReadable(t, m, true)
	seconds, _ := strconv.Atoi(m.Get("Retry-After"))
	if ms, _ := strconv.Atoi(m.Get("retry-after-ms")); ms <= 0 || ms > 60_000 || seconds != (ms+999)/1000 {
		t.Errorf("retry-after-ms %q and Retry-After %q, want 60 s at most, and the same in whole seconds", m.Get("retry-after-ms"), m.Get("Retry-After"))
	}
	if want := "the limit of this route is 60/h, of which 2 at once, for each credential"; !strings.Contains(m.Body, want) {
		t.Errorf("body %s, want %q in it", m.Body, want)
	}
	if l := e.WantExchange(429, "rate_limited"); l["limit"] != "requests" || l["reason"] != "bearer_key" {
		t.Errorf("access line %v", l)
	}
	e.WantMetric(`apim_edge_limit_refusals_total{route="api",limit="requests"}`, 1)
	e.WantMetric(`apim_edge_limit_refusals_total{route="api",limit="concurrent"}`, 0)
}

// TestAWaitThatNoSDKHasPatienceFor is not to be sent again by it.
func TestAWaitThatNoSDKHasPatienceFor(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), limitTo(config.RouteLimits{Requests: "1/h"}))
	ask(t, e, "", 200)
	if m := ask(t, e, "", 429); m.Get("x-should-retry") != "false" || len(m.Get("Retry-After")) != 4 {
		t.Errorf("x-should-retry %q, Retry-After %q", m.Get("x-should-retry"), m.Get("Retry-After"))
	}
}

// TestWhoseRequestsAreCountedTogether holds that of each row the second request is
// refused or passes, where one may pass.
func TestWhoseRequestsAreCountedTogether(t *testing.T) {
	const a, b = "0123abcd", "4567abcd"
	token := fixed.Token("a", nil) // another one would say another second
	for _, tc := range []struct {
		name, per, first, second string
		together                 bool
	}{
		{"one key", "credential", bearer(a), bearer(a), true},
		{"one key in two places", "credential", bearer(a), "Ocp-Apim-Subscription-Key: " + a + "\n", true},
		{"two keys", "credential", bearer(a), bearer(b), false},
		{"a key, and nothing", "credential", bearer(a), "", false},
		{"nothing twice", "credential", "", "", true},
		{"a key, and a placeholder", "credential", bearer(a), bearer("EMPTY"), false},
		{"a placeholder, and nothing", "credential", bearer("EMPTY"), "", true},
		{"one token that nobody has asked for", "credential", bearer(token), bearer(token), true},
		{"two of one caller, which nobody has verified", "credential", bearer(fixed.Token("a", nil)), bearer(fixed.Token("a", identitytest.Claims{"jti": "2"})), false},
		{"two users of another scheme", "credential", "Authorization: Basic YTpi\n", "Authorization: Basic YTpj\n", false},
		{"one user of another scheme", "credential", "Authorization: Basic YTpi\n", "AUTHORIZATION: Basic YTpi\n", true},
		{"two keys on a route for all", "route", bearer(a), bearer(b), true},
		{"two keys from one address", "address", bearer(a), bearer(b), true},
		{"two addresses behind a proxy", "address", "X-Forwarded-For: 192.0.2.1\n", "X-Forwarded-For: 192.0.2.2\n", false},
		{"two addresses of one IPv6 network", "address", "X-Forwarded-For: 2001:db8::1\n", "X-Forwarded-For: 2001:db8::2:0:0:1\n", true},
		{"two IPv6 networks", "address", "X-Forwarded-For: 2001:db8::1\n", "X-Forwarded-For: 2001:db8:0:1::1\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), func(c *config.Config) {
				limitTo(config.RouteLimits{Per: tc.per, Requests: "1/d"})(c)
				c.TrustedProxies = []string{"127.0.0.1"}
			})
			ask(t, e, tc.first, 200)
			ask(t, e, tc.second, map[bool]int{true: 429, false: 200}[tc.together])
			if !tc.together {
				ask(t, e, tc.first, 429)
			}
		})
	}
}

// TestAnAddressThatNobodyIsBelievedAbout holds that a client cannot choose his own.
func TestAnAddressThatNobodyIsBelievedAbout(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), limitTo(config.RouteLimits{Per: "address", Requests: "1/d"}))
	ask(t, e, "X-Forwarded-For: 192.0.2.1\n", 200)
	ask(t, e, "X-Forwarded-For: 192.0.2.2\n", 429)
}

// TestACallerThatIsKnownIsCountedByName: neither a new token nor another key of his own
// begins a count of its own.
func TestACallerThatIsKnownIsCountedByName(t *testing.T) {
	one, other, b := clientkey.Generate(), clientkey.Generate(), clientkey.Generate()
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), func(c *config.Config) {
		limitTo(config.RouteLimits{Requests: "1/d"})(c)
		askForTokens(c)
		c.Clients = map[string]config.Client{"a": {Keys: []string{clientkey.Hash(one), clientkey.Hash(other)}}, "b": {Keys: []string{clientkey.Hash(b)}}}
		r := c.Routes["api"]
		r.Require.Client = true
		c.Routes["api"] = r
	})
	token := func(who, id string) string {
		return bearer(fixed.Token("a", identitytest.Claims{"roles": "x", "sub": who, "jti": id}))
	}
	ask(t, e, bearer(one), 200)
	ask(t, e, bearer(other), 429)
	ask(t, e, bearer(b), 200)
	ask(t, e, token("anna", "1"), 200)
	ask(t, e, token("anna", "2"), 429)
	ask(t, e, token("berta", "3"), 200)
}

// TestWhatNeverCounts holds that neither preflights nor probes nor what is refused before
// use anything up, nor are they refused.
func TestWhatNeverCounts(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), func(c *config.Config) {
		limitTo(config.RouteLimits{Per: "route", Requests: "1/d", Concurrent: 1})(c)
		r := c.Routes["api"]
		r.Credential.OnMissing = "reject"
		c.Routes["api"] = r
	})
	others := func() {
		t.Helper()
		for request, status := range map[string]int{
			proxytest.Preflight:                                   204,
			"GET /healthz HTTP/1.1\nHost: edge\n\n":               200,
			proxytest.PlainGet:                                    401,
			"OPTIONS / HTTP/1.1\nHost: edge\nMax-Forwards: 0\n\n": 204,
		} {
			if m := e.Ask(request); m.Status() != status {
				t.Errorf("%q is answered %q, want %d", request, m.First, status)
			}
		}
		for range 3 { // a probe has no line
			e.Exchange()
		}
	}
	others()
	ask(t, e, bearer("0123abcd"), 200)
	ask(t, e, bearer("0123abcd"), 429)
	others()
}

// TestNothingOfABodyIsReadForWhoIsRefused: neither is it asked for, nor waited for.
func TestNothingOfABodyIsReadForWhoIsRefused(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), limitTo(config.RouteLimits{Requests: "1/d"}))
	ask(t, e, "", 200)
	c := e.Dial()
	c.Send("POST / HTTP/1.1\nHost: edge\nExpect: 100-continue\nContent-Length: 1000000000\n\n")
	m := c.Answer("POST")
	proxytest.WantError(t, m, 429, "rate_limited", "false")
	if m.Get("Connection") != "close" {
		t.Errorf("Connection %q, want it to end: the body is not going to be read", m.Get("Connection"))
	}
	if l := e.WantExchange(429, "rate_limited"); l["bytes_up"] != 0.0 {
		t.Errorf("access line %v", l)
	}
	_ = c.Close()
}

// TestWhatRunsIsCountedUntilItEnds, once, however it ends.
func TestWhatRunsIsCountedUntilItEnds(t *testing.T) {
	stream := func(last func(*proxytest.Peer)) func(*proxytest.Peer) {
		return func(up *proxytest.Peer) {
			up.Request()
			up.Send(proxytest.StreamHead)
			up.Raw("9\r\ndata: 1\n\n\r\n")
			last(up)
		}
	}
	whole := func(done chan struct{}) func(*proxytest.Peer) {
		return func(up *proxytest.Peer) { <-done; up.Raw("0\r\n\r\n"); proxytest.EchoKey(up) }
	}
	for _, tc := range []struct {
		name  string
		up    func(done chan struct{}) func(*proxytest.Peer)
		begin string
		end   func(c *proxytest.Peer, done chan struct{})
	}{
		{"a stream that ends in order", func(done chan struct{}) func(*proxytest.Peer) { return stream(whole(done)) }, proxytest.Request,
			func(c *proxytest.Peer, done chan struct{}) { close(done); c.Answer("POST") }},
		{"a client that leaves its stream", func(chan struct{}) func(*proxytest.Peer) { return stream((*proxytest.Peer).Gone) }, proxytest.Request,
			func(c *proxytest.Peer, _ chan struct{}) { _ = c.Close() }},
		{"an upstream that cuts its stream", func(done chan struct{}) func(*proxytest.Peer) {
			return stream(func(up *proxytest.Peer) { <-done; up.Reset() })
		}, proxytest.Request, func(c *proxytest.Peer, done chan struct{}) { close(done); c.Rest() }},
		{"a client that leaves before the answer", func(chan struct{}) func(*proxytest.Peer) {
			return func(up *proxytest.Peer) { up.Request(); up.Gone() }
		}, proxytest.Request, func(c *proxytest.Peer, _ chan struct{}) { _ = c.Close() }},
		{"a WebSocket", func(chan struct{}) func(*proxytest.Peer) {
			return func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.Switching); up.Gone() }
		}, strings.Replace(proxytest.Handshake, "\n\n", "\n"+bearer("0123abcd")+"\n", 1), func(c *proxytest.Peer, _ chan struct{}) { _ = c.Close() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			done := make(chan struct{})
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, append([]func(*proxytest.Peer){tc.up(done)}, echoes...)...), limitTo(config.RouteLimits{Concurrent: 1}))
			c := e.Dial()
			c.Send(tc.begin)
			e.WantMetric("apim_edge_exchanges_inflight", 1)
			m := ask(t, e, bearer("0123abcd"), 429)
			if m.Get("Retry-After") != "1" || m.Get("retry-after-ms") != "1000" || m.Get("x-should-retry") != "true" {
				t.Errorf("answer %v", m.Fields)
			}
			if m := e.Ask("GET / HTTP/1.1\nHost: edge\napi-key: another\n\n"); m.Status() != 200 {
				t.Errorf("another key is answered %q", m.First)
			}
			e.WantExchange(200, "complete")
			tc.end(c, done)
			e.Exchange()
			for range 2 { // one behind the other: each was counted out once
				ask(t, e, bearer("0123abcd"), 200)
			}
			e.WantMetric(`apim_edge_limit_refusals_total{route="api",limit="concurrent"}`, 1)
		})
	}
}

// TestWhatIsRefusedLaterDoesNotStayCounted: the bridge refuses behind the limits.
func TestWhatIsRefusedLaterDoesNotStayCounted(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
		bridgeTo(c, "legacy")
		r := c.Routes["api"]
		r.Limits = config.RouteLimits{Concurrent: 1}
		c.Routes["api"] = r
	})
	for range 3 {
		if m := e.Ask("POST /openai/v1/assistants HTTP/1.1\nHost: edge\nContent-Length: 2\n\n{}"); m.Status() != 404 {
			t.Errorf("answer %q", m.First)
		}
		e.WantExchange(404, "bridge_impossible")
	}
}

// TestAReloadKeepsTheCountsOfLimitsThatStay, and uses at once those that change. What
// runs stays counted in any case.
func TestAReloadKeepsTheCountsOfLimitsThatStay(t *testing.T) {
	url := proxytest.StartUpstream(t, func(up *proxytest.Peer) { up.Request(); up.Gone() }, echoes[0], echoes[1], echoes[2], echoes[3])
	with := func(l config.RouteLimits) config.Config {
		return proxytest.Configuration(url, func(c *config.Config) { limitTo(l)(c); c.Debug.ServerTiming = l.Burst == 3 })
	}
	e := proxytest.StartEdge(t, url, limitTo(config.RouteLimits{Requests: "1/d", Burst: 2, Concurrent: 2}))
	use := func(l config.RouteLimits) {
		t.Helper()
		testkit.Must(t, e.Use(with(l)))
	}
	running := e.Dial()
	running.Send("GET / HTTP/1.1\nHost: edge\n" + bearer("0123abcd") + "\n")
	e.WantMetric("apim_edge_exchanges_inflight", 1)
	ask(t, e, bearer("0123abcd"), 200)
	ask(t, e, bearer("0123abcd"), 429)
	use(config.RouteLimits{Requests: "1/d", Burst: 2, Concurrent: 3}) // the rate stays
	ask(t, e, bearer("0123abcd"), 429)
	use(config.RouteLimits{Requests: "1/d", Burst: 3, Concurrent: 3}) // it changes
	ask(t, e, bearer("0123abcd"), 200)
	use(config.RouteLimits{Requests: "1/d", Burst: 3, Concurrent: 1})
	if m := ask(t, e, bearer("0123abcd"), 429); m.Get("Retry-After") != "1" {
		t.Errorf("what runs since before three reloads is not counted: %v", m.Fields)
	}
	use(config.RouteLimits{})
	ask(t, e, bearer("0123abcd"), 200)
	_ = running.Close()
	e.WantExchange(0, "client_left")
	use(config.RouteLimits{Requests: "1/d", Burst: 2, Concurrent: 1}) // nobody has had these in between
	ask(t, e, bearer("0123abcd"), 200)
}

func TestExplainShowsTheLimitsAndUsesNothingUp(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), limitTo(config.RouteLimits{Requests: "1/d", Concurrent: 1}))
	const want = "routes.api.limits.requests: passes; the limit of this route is 1/d, of which 1 at once and 1 at a time, for each credential"
	for range 3 {
		gates := fmt.Sprint(e.Edge.Explain([]byte("GET / HTTP/1.1\r\nHost: edge\r\n\r\n")).Gates)
		if !strings.Contains(gates, want) {
			t.Errorf("gates %s, want %s", gates, want)
		}
	}
	ask(t, e, "", 200)
}
