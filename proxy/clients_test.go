package proxy_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

func TestClientsOfTheEdge(t *testing.T) {
	t.Setenv("TEAM_A_KEY", "the-upstream-key")
	a, b, expired := clientkey.Generate(), clientkey.Generate(), clientkey.Generate()
	i := identitytest.Start(t)
	clients := func(match string) func(*config.Config) {
		return func(c *config.Config) {
			c.Clients = map[string]config.Client{
				"team-a":  {Keys: []string{clientkey.Hash(a)}, UpstreamKey: "env:TEAM_A_KEY", Expires: "2999-01-01"},
				"team-b":  {Keys: []string{clientkey.Hash(b)}, UpstreamKey: "env:TEAM_A_KEY", Routes: []string{"elsewhere"}},
				"expired": {Keys: []string{clientkey.Hash(expired)}, UpstreamKey: "env:TEAM_A_KEY", Expires: "2001-01-01"},
			}
			c.Routes["elsewhere"] = config.Route{PathPrefix: "/elsewhere", Require: config.Require{Client: true}}
			r := c.Routes["api"]
			r.Require.Client, r.Require.Match = true, match
			if match == "" {
				r.Require.Token = nil
			}
			c.Routes["api"] = r
		}
	}
	token := i.Token(audience, nil)
	for _, tc := range []struct {
		name, match, credential string
		status                  int
		code                    string
		key                     string // the api-key that goes upstream; "-": none
	}{
		{"a key", "", bearer(a), 200, "complete", "the-upstream-key"},
		{"a key in its field", "", "api-key: " + a + "\n", 200, "complete", "the-upstream-key"},
		{"another route's", "", bearer(b), 403, "client_not_allowed", ""},
		{"one that has expired", "", bearer(expired), 401, "client_expired", ""},
		{"an unknown key", "", bearer("0123456789abcdef"), 401, "client_unknown", ""},
		{"nothing", "", "", 401, "credential_missing", ""},
		{"a token where a key is asked for", "", bearer(token), 401, "credential_missing", ""},
		{"any: a token", "any", bearer(token), 200, "complete", "-"},
		{"any: a key", "any", bearer(a), 200, "complete", "the-upstream-key"},
		{"any: a token, and a key of the upstream's", "any", bearer(token) + "api-key: 0123456789abcdef\n", 200, "complete", "0123456789abcdef"},
		{"any: a token, and an expired key, which goes nowhere", "any", bearer(token) + "api-key: " + expired + "\n", 200, "complete", "-"},
		{"any: a token, and another route's key", "any", bearer(token) + "api-key: " + b + "\n", 200, "complete", "-"},
		{"any: a token, and a key", "any", bearer(token) + "api-key: " + a + "\n", 200, "complete", "the-upstream-key"},
		{"any: a wrong token, and another route's key", "any", bearer(i.Token("x", nil)) + "api-key: " + b + "\n", 401, "token_invalid", ""},
		{"any: nothing", "any", "", 401, "token_missing", ""},
		{"any: an unknown key", "any", bearer("0123456789abcdef"), 401, "client_unknown", ""},
		{"all: both", "all", bearer(token) + "api-key: " + a + "\n", 200, "complete", "the-upstream-key"},
		{"all: only a token", "all", bearer(token), 401, "credential_missing", ""},
		{"all: only a key", "all", bearer(a), 401, "token_missing", ""},
		{"all: a token and an unknown key", "all", bearer(token) + "api-key: 0123456789abcdef\n", 401, "client_unknown", ""},
		{"all: a wrong token and a key", "all", bearer(i.Token("x", nil)) + "api-key: " + a + "\n", 401, "token_invalid", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := startGuarded(t, i, proxytest.StartUpstream(t, echo), clients(tc.match))
			m := e.Ask(with(tc.credential))
			if m.Status() != tc.status {
				t.Fatalf("answer %v, want %d", m, tc.status)
			}
			e.WantExchange(tc.status, tc.code)
			if tc.status != 200 {
				proxytest.WantError(t, m, tc.status, tc.code, "false")
				return
			}
			got := "-"
			for _, line := range strings.Split(m.Body, "\n") {
				if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "api-key") {
					got = value
				}
			}
			if got != tc.key || strings.Contains(m.Body, a) || strings.Contains(m.Body, b) || strings.Contains(m.Body, expired) {
				t.Errorf("the upstream got the key %q, want %q:\n%s", got, tc.key, m.Body)
			}
			if strings.Contains(tc.credential, token) != strings.Contains(m.Body, token) {
				t.Errorf("the token goes upstream: %v", strings.Contains(m.Body, token))
			}
		})
	}
}

func TestALeakedKeyIsGoneWithOneReload(t *testing.T) {
	leaked, fresh := clientkey.Generate(), clientkey.Generate()
	upstream := proxytest.StartUpstream(t, echo, echo, echo)
	keys := func(list ...string) func(*config.Config) {
		return func(c *config.Config) {
			c.Clients = map[string]config.Client{"team": {Keys: list}}
			c.Routes["api"] = config.Route{PathPrefix: "/", Require: config.Require{Client: true}}
		}
	}
	e := proxytest.StartEdge(t, upstream, keys(clientkey.Hash(leaked), clientkey.Hash(fresh)))
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	ask := func(key string) int {
		c.Send(with(bearer(key)))
		defer e.Exchange()
		return c.Answer("POST").Status()
	}
	if ask(leaked) != 200 || ask(fresh) != 200 {
		t.Fatal("the keys do not overlap")
	}
	testkit.Must(t, e.Use(proxytest.Configuration(upstream, keys(clientkey.Hash(fresh)))))
	if got := ask(leaked); got != 401 {
		t.Errorf("the leaked key: %d", got)
	}
	if got := ask(fresh); got != 200 {
		t.Errorf("the other key: %d", got)
	}
}
