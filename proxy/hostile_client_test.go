package proxy_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

// TestNobodyPassesByAnotherWay: a good token in any place but its own, or beside another
// one, opens nothing: no connection to the upstream is made.
func TestNobodyPassesByAnotherWay(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, proxytest.NoConnection), nil)
	good, other := i.Token(audience, nil), i.Token("api://other", nil)
	get := func(lines string) string { return "GET /v1/models HTTP/1.1\nHost: edge\n" + lines + "\n" }
	for _, tc := range []struct {
		name, request string
		status        int
		code          string
	}{
		{"two lines, the good one first", get(bearer(good) + bearer(other)), 400, "ambiguous_credential"},
		{"two lines, the good one last", get(bearer(other) + "authorization: Bearer " + good + "\n"), 400, "ambiguous_credential"},
		{"two in one line", get("Authorization: Bearer " + good + ", Bearer " + other + "\n"), 400, "ambiguous_credential"},
		{"a bad one, and a good one as api-key", get(bearer(other) + "api-key: " + good + "\n"), 401, "token_invalid"},
		{"another scheme, and a good one as api-key", get("Authorization: Basic YTpi\napi-key: " + good + "\n"), 401, "token_missing"},
		{"neighbours of the field", get("Authorization_: Bearer " + good + "\nX-Authorization: Bearer " + good + "\n"), 401, "token_missing"},
		{"Proxy-Authorization", get("Proxy-Authorization: Bearer " + good + "\n"), 401, "token_missing"},
		{"a cookie", get("Cookie: Authorization=Bearer%20" + good + "\n"), 401, "token_missing"},
		{"the query", "GET /v1/models?access_token=" + good + "&authorization=Bearer+" + good + " HTTP/1.1\nHost: edge\n\n", 401, "token_missing"},
		{"a trailer", "POST /v1 HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\nTrailer: Authorization\n\n0\nAuthorization: Bearer " + good + "\n\n", 400, "request_malformed"},
		{"the body", "POST /v1 HTTP/1.1\nHost: edge\nContent-Length: " + fmt.Sprint(len(good)) + "\n\n" + good, 401, "token_missing"},
		{"HTTP/1.0", "GET /v1/models HTTP/1.0\n\n", 401, "token_missing"},
		{"HEAD", "HEAD /v1/models HTTP/1.1\nHost: edge\n\n", 401, "token_missing"},
		{"OPTIONS that is no preflight", "OPTIONS /v1/models HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n\n", 401, "token_missing"},
		{"the whole URL", "GET http://edge/v1/models HTTP/1.1\nHost: edge\n\n", 401, "token_missing"},
		{"a WebSocket", get("Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"), 401, "token_missing"},
		{"HTTP/2 by Upgrade", get("Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\n"), 401, "token_missing"},
		{"a field that names it away", get("Connection: close, Authorization\n"), 401, "token_missing"},
		{"a body that waits", "POST /v1 HTTP/1.1\nHost: edge\nExpect: 100-continue\nContent-Length: 5\n\n", 401, "token_missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := e.Ask(tc.request)
			if m.Status() != tc.status || m.Get("x-apim-edge-error") != tc.code {
				t.Errorf("answer %v, want %d %s", m, tc.status, tc.code)
			}
			e.Exchange()
		})
	}
}

// TestWhatStandsBehindARefusedHead: bytes behind a refusal are never taken for a request
// that nobody has sent, and what was sent in order is judged for itself.
func TestWhatStandsBehindARefusedHead(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo), nil)
	good := i.Token(audience, nil)
	inside := "GET /smuggled HTTP/1.1\nHost: edge\n" + bearer(good) + "\n"
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	c.Send("POST /refused HTTP/1.1\nHost: edge\nContent-Length: " + fmt.Sprint(len(proxytest.CRLF(inside))) + "\n\n" + inside +
		"GET /asked HTTP/1.1\nHost: edge\n" + bearer(good) + "\n")
	if m := c.Answer("POST"); m.Status() != 401 {
		t.Fatalf("answer %v", m)
	}
	e.WantExchange(401, "token_missing")
	if m := c.Answer("GET"); m.Status() != 200 || !strings.HasPrefix(m.Body, "GET /asked ") {
		t.Errorf("answer %v\n%s", m, m.Body)
	}
	e.WantExchange(200, "complete")
}

// TestMoreComesWhileATokenIsVerified: the token that goes upstream is the one that was
// verified, whatever has come behind it meanwhile.
func TestMoreComesWhileATokenIsVerified(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo), nil)
	asked, release := make(chan struct{}, 8), make(chan struct{})
	i.Misbehave(answerLate(i, asked, release))
	i.Rotate()
	first, second := i.Token(audience, nil), i.Token("api://other", nil)
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	c.Send("POST /first HTTP/1.1\nHost: edge\n" + bearer(first) + "Content-Length: 20000\n\n")
	<-asked
	c.Raw(strings.Repeat("x", 20000))
	c.Send("GET /second HTTP/1.1\nHost: edge\n" + bearer(second) + "X-Padding: " + strings.Repeat("y", 8000) + "\n\n")
	close(release)
	m := c.Answer("POST")
	if m.Status() != 200 || !strings.Contains(m.Body, "Authorization: Bearer "+first) || strings.Contains(m.Body, second) {
		t.Errorf("answer %v\n%s", m, m.Body)
	}
	e.Exchange()
	if m := c.Answer("GET"); m.Status() != 401 {
		t.Errorf("the second one: %v", m)
	}
	e.Exchange()
}

// TestARouteIsJudgedByItsOwnPolicy: what is known of a token on one route opens no other.
func TestARouteIsJudgedByItsOwnPolicy(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo), func(c *config.Config) {
		admins := c.TokenPolicies["partner"]
		admins.RequiredClaims = map[string]config.RequiredClaim{"roles": {Values: []string{"Admin"}}}
		c.TokenPolicies["admins"] = admins
		c.Routes["admin"] = config.Route{PathPrefix: "/admin", Require: config.Require{Token: []string{"admins"}}}
	})
	token := i.Token(audience, nil)
	for range 3 {
		for path, want := range map[string]int{"/v1": 200, "/admin": 403, "/admin/": 403, "/v1/admin": 200, "/administrator": 200} {
			if m := e.Ask("GET " + path + " HTTP/1.1\nHost: edge\n" + bearer(token) + "\n"); m.Status() != want {
				t.Errorf("%s: answer %v, want %d", path, m, want)
			}
			e.Exchange()
		}
		for _, path := range []string{"/v1/../admin", "/%61dmin", "/v1/%2e%2e/admin", "//admin", "/v1/..%2fadmin", "/ADMIN/../admin"} {
			if m := e.Ask("GET " + path + " HTTP/1.1\nHost: edge\n" + bearer(token) + "\n"); m.Status() == 200 {
				t.Errorf("%s passes: %v", path, m)
			}
			e.Exchange()
		}
	}
}

// TestAClaimCannotBeNamedAway: the edge's word about the caller reaches the upstream,
// whatever the client says of its field.
func TestAClaimCannotBeNamedAway(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo), nil)
	m := e.Ask("GET /v1 HTTP/1.1\nHost: edge\nConnection: keep-alive, X-Caller, Authorization\nX-Caller: admin\n" + bearer(i.Token(audience, nil)) + "\n")
	if m.Status() != 200 || strings.Count(m.Body, "X-Caller: ") != 1 || !strings.Contains(m.Body, "X-Caller: somebody") || !strings.Contains(m.Body, "Authorization: Bearer ") {
		t.Errorf("answer %v\n%s", m, m.Body)
	}
	e.Exchange()
}

// TestAKeyOfTheEdgeNeverGoesUpstream: in whatever place it was sent, and whatever it is
// sent beside.
func TestAKeyOfTheEdgeNeverGoesUpstream(t *testing.T) {
	key := clientkey.Generate()
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echo), func(c *config.Config) {
		c.Clients = map[string]config.Client{"team": {Keys: []string{clientkey.Hash(key)}}}
		c.Routes["api"] = config.Route{PathPrefix: "/", Require: config.Require{Client: true}}
	})
	for _, tc := range []struct{ name, target, fields string }{
		{"Bearer", "/v1", bearer(key)},
		{"Bearer twice", "/v1", "Authorization: Bearer Bearer " + key + "\n"},
		{"api-key", "/v1", "api-key: " + key + "\n"},
		{"both", "/v1", bearer(key) + "api-key: " + key + "\n"},
		{"an alias", "/v1", "Ocp-Apim-Subscription-Key: " + key + "\n"},
		{"the query", "/v1?subscription-key=" + key + "&a=b", ""},
		{"the query and a field", "/v1?Subscription%2DKey=" + key, "api-key: " + key + "\n"},
		{"a subprotocol", "/v1", "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key." + key + "\n"},
		{"a neighbour beside the field", "/v1", "api-key: " + key + "\napi_key: " + key + "\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := e.Ask("GET " + tc.target + " HTTP/1.1\nHost: edge\n" + tc.fields + "\n")
			if m.Status() != 200 || strings.Contains(m.Body, key) {
				t.Errorf("answer %v\n%s", m, m.Body)
			}
			e.Exchange()
			if e.Log.Has(key) {
				t.Error("the key stands in the log")
			}
		})
	}
}

// TestAKeyOfTheEdgeIsNotKept: nor where an upstream is shown the caller's credentials
// beside one of the edge's own.
func TestAKeyOfTheEdgeIsNotKept(t *testing.T) {
	key := clientkey.Generate()
	shown := upstream.NewCredential("X-Own", "test", true, func(upstream.CredentialEvent) {})
	shown.Set([]byte("the-own-key"), nil)
	e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, echo), shown, func(c *config.Config) {
		c.Clients = map[string]config.Client{"team": {Keys: []string{clientkey.Hash(key)}}}
		c.Routes["api"] = config.Route{PathPrefix: "/", Require: config.Require{Client: true}}
	})
	for _, fields := range []string{bearer(key), "api-key: " + key + "\n", "Ocp-Apim-Subscription-Key: " + key + "\n"} {
		m := e.Ask("GET /v1 HTTP/1.1\nHost: edge\nX-Own: " + key + "\n" + fields + "\n")
		if m.Status() != 200 || strings.Contains(m.Body, key) || strings.Count(m.Body, "X-Own: the-own-key") != 1 {
			t.Errorf("answer %v\n%s", m, m.Body)
		}
		e.Exchange()
	}
}

// TestAFloodIsCountedAgainstWhoSendsIt: behind a proxy whose word is believed, a client
// that has the edge open much in vain spends what is its own, and not the proxy's.
func TestAFloodIsCountedAgainstWhoSendsIt(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
		c.TrustedProxies = []string{"127.0.0.0/8"}
		p := c.TokenPolicies["partner"]
		file, _ := identitytest.DecryptionKey(t)
		p.DecryptionKeys = []string{"file:" + file}
		c.TokenPolicies["partner"] = p
	})
	ask := func(from string) string {
		m := e.Ask("GET /v1 HTTP/1.1\nHost: edge\nX-Forwarded-For: 203.0.113.9, " + from + "\n" + bearer(sealedGarbage()) + "\n")
		e.Exchange()
		return m.Get("x-apim-edge-error")
	}
	for range 20 {
		if got := ask("198.51.100.1"); got != "token_invalid" {
			t.Fatalf("the client gets %s", got)
		}
	}
	if got := ask("198.51.100.1"); got != "edge_overloaded" {
		t.Errorf("the client that floods gets %s", got)
	}
	if got := ask("198.51.100.2"); got != "token_invalid" {
		t.Errorf("another client behind the same proxy gets %s", got)
	}
}

// sealedGarbage is shaped like an encrypted token, and costs whoever has the key as much.
func sealedGarbage() string {
	b64 := base64.RawURLEncoding.EncodeToString
	random := func(n int) string {
		b := make([]byte, n)
		rand.Read(b) // it does not fail (crypto/rand)
		return b64(b)
	}
	return b64([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)) + "." + random(256) + "." + random(12) + "." + random(100) + "." + random(16)
}

// TestAReloadWhileATokenIsVerified: the request that waits is judged by what held when it
// came, the next one by what holds now, though the token is the same.
func TestAReloadWhileATokenIsVerified(t *testing.T) {
	i := identitytest.Start(t)
	url := proxytest.StartUpstream(t, echo)
	e := startGuarded(t, i, url, nil)
	asked, release := make(chan struct{}, 8), make(chan struct{})
	i.Misbehave(answerLate(i, asked, release))
	i.Rotate()
	token := i.Token(audience, nil)
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	c.Send(with(bearer(token)))
	<-asked
	if err := e.Use(proxytest.Configuration(url, guarded(i, func(c *config.Config) {
		p := c.TokenPolicies["partner"]
		p.RequiredClaims = map[string]config.RequiredClaim{"roles": {Values: []string{"Admin"}}}
		c.TokenPolicies["partner"] = p
	}))); err != nil {
		t.Fatal(err)
	}
	close(release)
	if m := c.Answer("POST"); m.Status() != 200 {
		t.Errorf("the request that came before: %v", m)
	}
	e.Exchange()
	for range 2 {
		c.Send(with(bearer(token)))
		if m := c.Answer("POST"); m.Status() != 403 {
			t.Errorf("the request behind it: %v", m)
		}
		e.Exchange()
	}
}

// TestAReloadThatDropsTheIssuerWhileATokenWaits: nobody is left to ask. The request is
// refused, and the edge goes on.
func TestAReloadThatDropsTheIssuerWhileATokenWaits(t *testing.T) {
	i, next := identitytest.Start(t), identitytest.Start(t)
	url := proxytest.StartUpstream(t, echo)
	e := startGuarded(t, i, url, nil)
	asked, release := make(chan struct{}, 8), make(chan struct{})
	defer close(release)
	i.Misbehave(answerLate(i, asked, release))
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	c.Send(with(bearer(i.Unknown(audience, "new"))))
	<-asked
	testkit.Must(t, e.Use(proxytest.Configuration(url, guarded(next, nil))))
	if m := c.Answer("POST"); m.Status() != 401 {
		t.Errorf("the request that waits: %v", m)
	}
	e.Exchange()
	waitForKeys(t, e)
	c.Send(with(bearer(next.Token(audience, nil))))
	if m := c.Answer("POST"); m.Status() != 200 {
		t.Errorf("the request behind it: %v", m)
	}
	e.Exchange()
}

// answerLate has an issuer answer as it should, once it is released.
func answerLate(i *identitytest.Issuer, asked chan<- struct{}, release <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
			return
		}
		if r.URL.Path == "/keys" {
			fmt.Fprint(w, i.Keys())
			return
		}
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, i.URL, i.URL+"/keys")
	}
}
