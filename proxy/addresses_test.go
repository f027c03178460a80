package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// callableFrom says from where the route of a test may be called, and believes who is on
// this machine what he says of others.
func callableFrom(a config.Addresses) func(*config.Config) {
	return func(c *config.Config) {
		r := c.Routes["api"]
		r.Require.Addresses, r.CORS.AllowedOrigins = a, []string{proxytest.Page}
		c.Routes["api"] = r
		c.TrustedProxies = []string{"127.0.0.0/8"}
		c.Listen.HealthPath = "/healthz"
	}
}

// from asks as a client behind a proxy, and holds the status.
func from(t *testing.T, e *proxytest.Edge, address string, status int) proxytest.Message {
	t.Helper()
	m := e.Ask("GET /v1/x HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\nX-Forwarded-For: " + address + "\n" + bearer("0123abcd") + "\n")
	if m.Status() != status {
		t.Errorf("who comes from %s is answered %q, want %d", address, m.First, status)
	}
	e.WantExchange(status, map[int]string{200: "complete", 403: "address_not_allowed"}[status])
	return m
}

func TestFromWhereARouteMayBeCalled(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), callableFrom(config.Addresses{
		Allow: []string{"203.0.113.0/24", "::ffff:10.0.0.0/104", "2001:db8::/32"}, Deny: []string{"203.0.113.9"},
	}))
	from(t, e, "203.0.113.7", 200)
	from(t, e, "::ffff:203.0.113.7", 200)
	from(t, e, "10.1.2.3:1234", 200)
	from(t, e, "[2001:db8::1]:443", 200)
	from(t, e, "192.0.2.1, 203.0.113.7", 200) // what stands in front of it anybody may have written
	for _, outside := range []string{"192.0.2.1", "203.0.113.9", "203.0.113.7, 192.0.2.1", "2001:db9::1", "127.0.0.1", "unknown"} {
		from(t, e, outside, 403)
	}
}

// TestARefusalByAddress: a stranger learns neither the rule nor whether his credential is
// right, and a page can read the answer.
func TestARefusalByAddress(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
		askForClients(c)
		callableFrom(config.Addresses{Allow: []string{"203.0.113.0/24"}})(c)
	})
	head := "POST /v1/x HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\nX-Forwarded-For: 192.0.2.1\n"
	bodies := map[string]bool{}
	for _, lines := range []string{"", bearer("a b"), bearer("other"), bearer("gone"), "Content-Length: 100\nExpect: 100-continue\n"} {
		m := e.Ask(head + lines + "\n")
		proxytest.WantError(t, m, 403, "address_not_allowed", "false")
		wantReadable(t, m, true)
		body, _, _ := strings.Cut(m.Body, "request_id")
		bodies[body] = true
		if l := e.WantExchange(403, "address_not_allowed"); l["error"] != "the request comes from 192.0.2.1" || l["reason"] != nil || l["caller"] != nil {
			t.Errorf("access line %v", l)
		}
		if strings.Contains(m.Body, "203.0.113") || strings.Contains(m.Body, "192.0.2.1") {
			t.Errorf("the answer tells of the rule: %s", m.Body)
		}
	}
	if len(bodies) != 1 {
		t.Errorf("the answer tells of the credential: %v", bodies)
	}
	e.WantMetric(`apim_edge_exchanges_inflight`, 0)
}

// TestWhatNoAddressIsAskedFor: preflights, whose page is to see the real answer, and probes.
func TestWhatNoAddressIsAskedFor(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), callableFrom(config.Addresses{Allow: []string{"203.0.113.0/24"}}))
	wantAnsweredUnasked(t, e)
}

// wantAnsweredUnasked holds that a route which asks everybody for something that nobody has
// lets those through who must not be asked.
func wantAnsweredUnasked(t *testing.T, e *proxytest.Edge) {
	t.Helper()
	for request, status := range map[string]int{
		proxytest.Preflight:                                   204,
		"GET /healthz HTTP/1.1\nHost: edge\n\n":               200,
		"OPTIONS / HTTP/1.1\nHost: edge\nMax-Forwards: 0\n\n": 204,
		proxytest.PlainGet:                                    403,
	} {
		if m := e.Ask(request); m.Status() != status {
			t.Errorf("%q is answered %q, want %d", request, m.First, status)
		}
	}
	for range 3 { // a probe has no line
		e.Exchange()
	}
}

// TestAddressesAreAskedForBesideEachCredential, also where any of them is enough.
func TestAddressesAreAskedForBesideEachCredential(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), func(c *config.Config) {
		askForClients(c)
		callableFrom(config.Addresses{Deny: []string{"192.0.2.0/24"}})(c)
	})
	ask := func(address, lines string, status int, cause string) {
		t.Helper()
		if m := e.Ask("GET /v1/x HTTP/1.1\nHost: edge\nX-Forwarded-For: " + address + "\n" + lines + "\n"); m.Status() != status {
			t.Errorf("%s from %s is answered %q, want %d", lines, address, m.First, status)
		}
		e.WantExchange(status, cause)
	}
	ask("192.0.2.1", bearer("other"), 403, "address_not_allowed")
	ask("203.0.113.7", bearer("other"), 401, "client_unknown")
}

// TestAReloadChangesFromWhereAtOnce, for connections that are there already.
func TestAReloadChangesFromWhereAtOnce(t *testing.T) {
	url := proxytest.StartUpstream(t, echoes...)
	e := proxytest.StartEdge(t, url, nil)
	c := e.Dial()
	for _, step := range []struct {
		addresses config.Addresses
		status    int
		cause     string
	}{
		{config.Addresses{}, 200, "complete"},
		{config.Addresses{Deny: []string{"127.0.0.1"}}, 403, "address_not_allowed"},
		{config.Addresses{Allow: []string{"127.0.0.0/8"}}, 200, "complete"},
	} {
		if err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
			r := c.Routes["api"]
			r.Require.Addresses = step.addresses
			c.Routes["api"] = r
		})); err != nil {
			t.Fatal(err)
		}
		c.Send(proxytest.PlainGet)
		if m := c.Answer("GET"); m.Status() != step.status {
			t.Errorf("%v: answered %q on a connection that is kept, want %d", step.addresses, m.First, step.status)
		}
		e.WantExchange(step.status, step.cause)
	}
}

func TestExplainNamesFromWhereARouteMayBeCalled(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), callableFrom(config.Addresses{Allow: []string{"203.0.113.0/24"}}))
	const want = "routes.api.require.addresses: passes; the route may be called from 203.0.113.0/24 only"
	if gates := fmt.Sprint(e.Edge.Explain([]byte("GET / HTTP/1.1\r\nHost: edge\r\n\r\n")).Gates); !strings.Contains(gates, want) {
		t.Errorf("gates %s, want %s", gates, want)
	}
}
