package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

const audience = "api://edge"

// guarded has the route ask for tokens of an issuer.
func guarded(i *identitytest.Issuer, more func(*config.Config)) func(*config.Config) {
	return func(c *config.Config) {
		c.TokenPolicies = map[string]config.TokenPolicy{"partner": {OpenIDConfigs: []string{i.Metadata}, Audiences: []string{audience}}}
		c.Routes["api"] = config.Route{
			PathPrefix: "/", Require: config.Require{Token: []string{"partner"}},
			ForwardClaims: map[string]string{"sub": "X-Caller", "roles": "X-Caller-Roles"},
			CORS:          config.CORS{AllowedOrigins: []string{proxytest.Page}},
		}
		if more != nil {
			more(c)
		}
	}
}

// startGuarded starts an edge, and waits until it has the keys.
func startGuarded(t *testing.T, i *identitytest.Issuer, upstream string, more func(*config.Config)) *proxytest.Edge {
	t.Helper()
	e := proxytest.StartEdge(t, upstream, guarded(i, more))
	waitForKeys(t, e)
	return e
}

func waitForKeys(t *testing.T, e *proxytest.Edge) {
	t.Helper()
	var mu sync.Mutex
	which := "?"
	e.Edge.FollowUnreached(func(text string) { mu.Lock(); defer mu.Unlock(); which = text })
	proxytest.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return which == "" }, func() string { return "not reached: " + which })
}

func with(credential string) string {
	return "POST /v1/chat HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n" + credential + "Content-Length: 2\n\n{}"
}

func bearer(token string) string { return "Authorization: Bearer " + token + "\n" }

// echo answers with the head that it was sent.
func echo(up *proxytest.Peer) {
	up.Each(func(m proxytest.Message) {
		text := m.First
		for _, f := range m.Fields {
			text += "\n" + f[0] + ": " + f[1]
		}
		up.Send(fmt.Sprintf("HTTP/1.1 200 OK\nContent-Length: %d\n\n", len(text)))
		up.Raw(text)
	})
}

func TestATokenIsAskedFor(t *testing.T) {
	i := identitytest.Start(t)
	stranger := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo, echo, echo, echo, echo, echo, echo, echo, echo, echo, echo, echo), func(c *config.Config) {
		p := c.TokenPolicies["partner"]
		p.RequiredClaims = map[string]config.RequiredClaim{"roles": {Values: []string{"Model.Use"}}}
		p.ClientApplicationIDs = []string{"app-1"}
		c.TokenPolicies["partner"] = p
	})
	good := identitytest.Claims{"roles": []string{"Model.Use"}, "azp": "app-1"}
	but := func(name string, value any) identitytest.Claims {
		c := identitytest.Claims{name: value}
		for n, v := range good {
			if n != name {
				c[n] = v
			}
		}
		return c
	}
	for _, tc := range []struct {
		name, credential string
		status           int
		code, check      string
		challenge        string // part of WWW-Authenticate
	}{
		{"a good token", bearer(i.Token(audience, good)), 200, "complete", "", ""},
		{"a good token where SDKs put it by mistake", "api-key: " + i.Token(audience, good) + "\n", 200, "complete", "", ""},
		{"nothing", "", 401, "token_missing", "token", `Bearer realm="apim-edge"`},
		{"a placeholder", bearer("none"), 401, "token_missing", "token", `Bearer realm="apim-edge"`},
		{"a key", bearer("0123456789abcdef"), 401, "token_invalid", "token", `error="invalid_token"`},
		{"another scheme", "Authorization: Basic YTpi\n", 401, "token_missing", "token", `Bearer realm="apim-edge"`},
		{"another issuer", bearer(stranger.Token(audience, good)), 401, "token_invalid", "issuer", `error="invalid_token"`},
		{"another audience", bearer(i.Token("api://other", good)), 401, "token_invalid", "audience", `error="invalid_token"`},
		{"an expired one", bearer(i.Token(audience, but("exp", 1))), 401, "token_expired", "expiration", `error="invalid_token"`},
		{"one whose signature is another", bearer(i.Token(audience, good) + "AAAA"), 401, "token_invalid", "signature", `error="invalid_token"`},
		{"another role", bearer(i.Token(audience, but("roles", []string{"Other"}))), 403, "claim_missing", "required_claims", `error="insufficient_scope"`},
		{"another application", bearer(i.Token(audience, but("azp", "app-2"))), 403, "client_not_allowed", "client_application", `error="insufficient_scope"`},
		{"a key that nobody has published", bearer(i.Unknown(audience, "nowhere")), 401, "token_invalid", "key", `error="invalid_token"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 { // once new, once known
				m := e.Ask(with(tc.credential))
				if m.Status() != tc.status {
					t.Fatalf("answer %v, want %d", m, tc.status)
				}
				if tc.status != 200 {
					proxytest.WantError(t, m, tc.status, tc.code, "false")
					wantReadable(t, m, true)
				}
				if got := m.Get("WWW-Authenticate"); (got == "") != (tc.challenge == "") || !strings.HasSuffix(got, tc.challenge) {
					t.Errorf("WWW-Authenticate %q, want %q", got, tc.challenge)
				}
				line := e.WantExchange(tc.status, tc.code)
				if check, _ := line["check"].(string); check != tc.check {
					t.Errorf("the access line says check %q, want %q", check, tc.check)
				}
			}
		})
	}
	for _, part := range strings.Split(i.Token(audience, good), ".")[:2] {
		if e.Log.Has(part) {
			t.Error("a part of a token stands in the log")
		}
	}
}

func TestClaimsAreForwarded(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo, echo, echo), nil)
	forged := "X-Caller: admin\nx_caller: admin\nX-CALLER: admin\nX.Caller: admin\nX-Caller-Roles: root\nX-Callers: stays\n"
	for _, tc := range []struct {
		name   string
		claims identitytest.Claims
		want   []string // the fields that go upstream
	}{
		{"text and list", identitytest.Claims{"sub": "me", "roles": []string{"a", "b"}}, []string{"X-Callers: stays", "X-Caller-Roles: a,b", "X-Caller: me"}},
		{"what could be read otherwise", identitytest.Claims{"sub": "a\r\nX-Evil: 1", "roles": []string{"a,b", "50%", "ü"}},
			[]string{"X-Callers: stays", "X-Caller-Roles: a%2Cb,50%25,%C3%BC", "X-Caller: a%0D%0AX-Evil: 1"}},
		{"what is not there", identitytest.Claims{"sub": nil}, []string{"X-Callers: stays"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := e.Ask(with(bearer(i.Token(audience, tc.claims)) + forged))
			var got []string
			for _, line := range strings.Split(m.Body, "\n") {
				if strings.HasPrefix(strings.ToLower(line), "x-caller") || strings.Contains(line, "admin") || strings.Contains(line, "X-Evil: 1") {
					got = append(got, line)
				}
			}
			if strings.Join(got, "|") != strings.Join(tc.want, "|") {
				t.Errorf("got %q\nwant %q", got, tc.want)
			}
			e.Exchange()
		})
	}
}

func TestClaimsFromOutsideAreDroppedInTrailers(t *testing.T) {
	i := identitytest.Start(t)
	trailers := make(chan []string, 1)
	e := startGuarded(t, i, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		m := up.Request()
		trailers <- m.Trailer
		up.Send("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
		up.Gone()
	}), nil)
	m := e.Ask("POST /v1/chat HTTP/1.1\nHost: edge\n" + bearer(i.Token(audience, nil)) + "Transfer-Encoding: chunked\nTrailer: X-Caller, X-Other\n\n0\nX-Caller: admin\nX_Caller: admin\nX-Other: stays\n\n")
	if got := <-trailers; m.Status() != 200 || strings.Join(got, "|") != "X-Other: stays" {
		t.Errorf("answer %v, trailers %q", m, got)
	}
	e.Exchange()
}

func TestANarrowerPolicyCountsAtOnce(t *testing.T) {
	i := identitytest.Start(t)
	upstream := proxytest.StartUpstream(t, echo, echo)
	e := startGuarded(t, i, upstream, nil)
	token := i.Token(audience, nil)
	for range 2 {
		if m := e.Ask(with(bearer(token))); m.Status() != 200 {
			t.Fatalf("answer %v", m)
		}
		e.Exchange()
	}
	if err := e.Use(proxytest.Configuration(upstream, guarded(i, func(c *config.Config) {
		p := c.TokenPolicies["partner"]
		p.RequiredClaims = map[string]config.RequiredClaim{"roles": {Values: []string{"Admin"}}}
		c.TokenPolicies["partner"] = p
	}))); err != nil {
		t.Fatal(err)
	}
	if m := e.Ask(with(bearer(token))); m.Status() != 403 {
		t.Errorf("answer %v, want 403: the token was known, but not under this policy", m)
	}
	e.Exchange()
}

func TestHowARefusalReads(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
		p := c.TokenPolicies["partner"]
		p.Failed = config.Failed{Status: 403, Message: "Ask the platform team."}
		c.TokenPolicies["partner"] = p
	})
	for credential, code := range map[string]string{"": "token_missing", bearer(i.Token("x", nil)): "token_invalid"} {
		m := e.Ask(with(credential))
		proxytest.WantError(t, m, 403, code, "false")
		if !strings.Contains(m.Body, `"message":"Ask the platform team."`) {
			t.Errorf("body %s", m.Body)
		}
		e.WantExchange(403, code)
	}
}

func TestATokenInAPlaceOfItsOwn(t *testing.T) {
	i := identitytest.Start(t)
	token := i.Token(audience, nil)
	for _, tc := range []struct {
		name   string
		header string
		query  string
		send   string
		status int
	}{
		{"in its field", "X-Token", "", "POST /v1 HTTP/1.1\nHost: edge\nx-token: " + token + "\nContent-Length: 0\n\n", 200},
		{"in Authorization, where the field is another", "X-Token", "", "POST /v1 HTTP/1.1\nHost: edge\n" + bearer(token) + "Content-Length: 0\n\n", 401},
		{"in two lines", "X-Token", "", "POST /v1 HTTP/1.1\nHost: edge\nX-Token: " + token + "\nX-Token: " + token + "\nContent-Length: 0\n\n", 401},
		{"in a neighbour of the field", "X-Token", "", "POST /v1 HTTP/1.1\nHost: edge\nX_Token: " + token + "\nContent-Length: 0\n\n", 401},
		{"in the query", "", "t", "POST /v1?a=b&t=" + token + " HTTP/1.1\nHost: edge\nContent-Length: 0\n\n", 200},
		{"twice in the query", "", "t", "POST /v1?t=" + token + "&t=" + token + " HTTP/1.1\nHost: edge\nContent-Length: 0\n\n", 401},
		{"in a longer name", "", "t", "POST /v1?tt=" + token + " HTTP/1.1\nHost: edge\nContent-Length: 0\n\n", 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := startGuarded(t, i, proxytest.StartUpstream(t, echo), func(c *config.Config) {
				p := c.TokenPolicies["partner"]
				p.Header, p.Query = tc.header, tc.query
				c.TokenPolicies["partner"] = p
			})
			if m := e.Ask(tc.send); m.Status() != tc.status {
				t.Errorf("answer %v, want %d", m, tc.status)
			}
			e.Exchange()
			if e.Log.Has(token) || e.Log.Has(strings.Split(token, ".")[2]) {
				t.Error("the token stands in the log")
			}
		})
	}
}
