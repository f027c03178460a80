package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestAllAreExhausted holds that the last answer passes as it is, but for the shortest
// wait, and that the edge then answers by itself until that is over.
func TestAllAreExhausted(t *testing.T) {
	a, b := startMember(t, says(429, "Retry-After: 30\n", "first")), startMember(t, says(429, "Retry-After: 500\nretry-after-ms: 500000\nx-ratelimit-remaining-tokens: 0\n", "last"))
	e := startSeveral(t, a.URL, b.URL)
	c := e.Dial()
	c.Send(proxytest.Request)
	m := c.Answer("POST")
	if m.Status() != 429 || m.Body != "last" || m.Get("x-ratelimit-remaining-tokens") != "0" || m.Get("x-apim-edge-error") != "" {
		t.Errorf("the answer is %v", m)
	}
	wantWait(t, m)
	if l := e.WantExchange(429, "complete"); l["upstream"] != "b" || fmt.Sprint(l["moved"]) != "[a=429]" {
		t.Errorf("the access line is %v", l)
	}
	c.Send(proxytest.Request)
	m = c.Answer("POST")
	if m.Status() != 429 || m.Get("x-apim-edge-error") != "upstreams_throttled" || m.Get("x-should-retry") != "true" || !strings.Contains(m.Body, `"code":"upstreams_throttled"`) {
		t.Errorf("the answer is %v", m)
	}
	wantWait(t, m)
	if l := e.WantExchange(429, "upstreams_throttled"); l["upstream"] != nil {
		t.Errorf("the access line is %v", l)
	}
	e.WantMetric(`apim_edge_errors_total{code="upstreams_throttled",upstream="none"}`, 1)
	if n := len(a.requests()) + len(b.requests()); n != 2 {
		t.Errorf("%d requests went upstream, want 2", n)
	}
	c.Send(strings.Replace(proxytest.Request, "0123abcd", "another", 1)) // whose quota that is, nobody knows
	c.Answer("POST")
	e.WantExchange(429, "complete")
	if n := len(a.requests()) + len(b.requests()); n != 4 {
		t.Errorf("%d requests went upstream, want 4", n)
	}
}

// wantWait holds that an answer says the time of the one that said 30 seconds.
func wantWait(t *testing.T, m proxytest.Message) {
	t.Helper()
	s, err := strconv.Atoi(m.Get("Retry-After"))
	ms, err2 := strconv.Atoi(m.Get("retry-after-ms"))
	if err != nil || err2 != nil || s < 1 || s > 30 || ms < 1 || ms > 30_000 || ms > s*1000 {
		t.Errorf("Retry-After %q and retry-after-ms %q, want at most 30 s", m.Get("Retry-After"), m.Get("retry-after-ms"))
	}
}

// TestAnUpstreamThatDiesComesBack holds the breaker: after so many failures it is left
// alone, one request at a time sees how it is, and nobody feels it but those who found
// out.
func TestAnUpstreamThatDiesComesBack(t *testing.T) {
	a, b := startMember(t, ends), startMember(t, says(200, "", "b"))
	e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), func(c *config.Config) {
		u := c.Upstreams["a"]
		u.Breaker = config.Breaker{Failures: 3, Within: config.Seconds(3600), Open: config.Seconds(1)}
		c.Upstreams["a"] = u
	}))
	for range 3 {
		proxytest.WantError(t, e.Ask(proxytest.Request), 502, "upstream_closed_early", "false")
		e.WantExchange(502, "upstream_closed_early")
	}
	e.WantMetric(`apim_edge_upstream_opened_total{cause="no_answer",upstream="a"}`, 1)
	a.now(says(200, "", "a"))
	answers := map[string]int{}
	proxytest.Eventually(t, func() bool {
		answers[e.Ask(proxytest.Request).Body]++
		e.WantExchange(200, "complete")
		return answers["a"] > 0
	}, func() string { return "it was not asked again" })
	e.WantMetric(`apim_edge_upstream_state{state="closed",upstream="a"}`, 1)
	if e.Ask(proxytest.Request).Body != "a" {
		t.Error("the next request goes elsewhere")
	}
	for _, line := range []string{`"upstream":"a","cause":"no_answer","left_alone_ms":`, "an upstream is left alone", "an upstream is asked again"} {
		if !e.Log.Has(line) {
			t.Errorf("nothing was logged of %s:\n%s", line, e.Log)
		}
	}
	e.WantExchange(200, "complete")
}

// TestADepartureSaysNothingOfTheUpstream holds that clients who leave open no breaker,
// and that one who was to see how the upstream is leaves that to the next.
func TestADepartureSaysNothingOfTheUpstream(t *testing.T) {
	asked := make(chan struct{}, 1)
	a := startMember(t, func(up *proxytest.Peer, _ proxytest.Message) { asked <- struct{}{}; up.Gone() })
	b := startMember(t, says(200, "", "b"))
	e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), func(c *config.Config) {
		u := c.Upstreams["a"]
		u.Breaker.Failures = 1
		c.Upstreams["a"] = u
	}))
	for range 3 {
		c := e.Dial()
		c.Send(proxytest.Request)
		<-asked
		c.Close() //nolint:errcheck // that is the test
		e.WantExchange(0, "client_left")
	}
	e.WantMetric(`apim_edge_upstream_state{state="closed",upstream="a"}`, 1)
}

// TestWhereAllHaveFailedOneIsAskedNevertheless holds that breakers alone refuse nobody.
func TestWhereAllHaveFailedOneIsAskedNevertheless(t *testing.T) {
	a := startMember(t, ends)
	e := proxytest.StartEdge(t, nobody, and(several(a.URL, nobody), func(c *config.Config) {
		for name, u := range c.Upstreams {
			u.Breaker.Failures = 1
			c.Upstreams[name] = u
		}
	}))
	e.Ask(proxytest.Request)
	e.WantExchange(502, "upstream_closed_early")
	e.Ask(proxytest.Request) // goes to b, where nobody is
	e.WantExchange(502, "upstream_connect_failed")
	e.WantMetric(`apim_edge_upstream_state{state="open"}`, 2)
	a.now(says(200, "", "back"))
	if m := e.Ask(proxytest.Request); m.Body != "back" {
		t.Errorf("the answer is %v", m)
	}
	e.WantExchange(200, "complete")
	e.WantMetric(`apim_edge_upstream_state{state="closed",upstream="a"}`, 1)
}
