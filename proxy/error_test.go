package proxy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// provocation is how a client comes to see one error of the edge.
type provocation struct {
	upstream func(t *testing.T) string // its URL; nil: one that is never asked
	change   func(*config.Config)
	request  string
	before   string // a request on another connection that stays unanswered
}

const head = "POST /v1/chat HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n"

// provocations has every error that a client can see but for four: internal
// (panic_test.go), edge_draining (drain_test.go), loop_detected (loop_test.go) and
// upstreams_throttled (several_health_test.go).
var provocations = map[edgeerr.Code]provocation{
	edgeerr.RequestMalformed:    {request: head + "X y: z\n\n"},
	edgeerr.AddressNotAllowed:   {request: head + "\n", change: callableFrom(config.Addresses{Deny: []string{"127.0.0.0/8"}})},
	edgeerr.HeaderNotAllowed:    {request: head + "\n", change: askForHeaders(map[string]config.RequiredHeader{"X-Front": {}})},
	edgeerr.AmbiguousCredential: {request: head + "api-key: a\napi-key: b\n\n"},
	edgeerr.MalformedCredential: {request: head + "Authorization: Bearer one two\n\n"},
	edgeerr.CredentialMissing: {request: head + "\n", change: func(c *config.Config) {
		r := c.Routes["api"]
		r.Credential.OnMissing = "reject"
		c.Routes["api"] = r
	}},
	edgeerr.TokenMissing:     {request: head + "\n", change: askForTokens},
	edgeerr.TokenInvalid:     {request: head + "Authorization: Bearer key\n\n", change: askForTokens},
	edgeerr.TokenExpired:     {request: head + "Authorization: Bearer " + fixed.Token("a", identitytest.Claims{"exp": 1}) + "\n\n", change: askForTokens},
	edgeerr.ClaimMissing:     {request: head + "Authorization: Bearer " + fixed.Token("a", nil) + "\n\n", change: askForTokens},
	edgeerr.ClientNotAllowed: {request: head + "Authorization: Bearer team\n\n", change: askForClients},
	edgeerr.ClientExpired:    {request: head + "Authorization: Bearer gone\n\n", change: askForClients},
	edgeerr.ClientUnknown:    {request: head + "Authorization: Bearer other\n\n", change: askForClients},
	edgeerr.KeysUnavailable: {request: head + "Authorization: Bearer " + fixed.Token("a", nil) + "\n\n", change: func(c *config.Config) {
		askForTokens(c)
		c.TokenPolicies["p"] = config.TokenPolicy{OpenIDConfigs: []string{"http://127.0.0.1:1/"}, Audiences: []string{"a"}}
	}},
	edgeerr.RateLimited: {before: proxytest.PlainGet, request: head + "\n", upstream: silent, change: limitTo(config.RouteLimits{Concurrent: 1})},
	edgeerr.LimitsUnavailable: {request: head + "\n", change: func(c *config.Config) {
		limitTo(config.RouteLimits{Requests: "1/s"})(c)
		c.Shared = config.Shared{Redis: "redis://127.0.0.1:1", Closed: true}
	}},
	edgeerr.OriginNotAllowed: {
		request: "GET /v1/realtime HTTP/1.1\nHost: edge\nConnection: Upgrade\nUpgrade: websocket\nOrigin: https://evil.example.net\n\n",
		change: func(c *config.Config) {
			r := c.Routes["api"]
			r.CORS.CheckUpgrades = true
			c.Routes["api"] = r
		},
	},
	edgeerr.RouteNotFound: {request: head + "\n", change: func(c *config.Config) {
		r := c.Routes["api"]
		r.PathPrefix = "/elsewhere"
		c.Routes["api"] = r
	}},
	edgeerr.BridgeImpossible: {request: strings.Replace(head, "/chat", "/assistants", 1) + "\n", change: toLegacy},
	edgeerr.ModelNotFound:    {request: bridgedHead + "Content-Length: 13\n\n" + `{"model":"x"}`, change: toLegacy},
	edgeerr.ModelUnreadable:  {request: bridgedHead + "Content-Length: 2\n\n[]", change: toLegacy},
	edgeerr.ModelTooFar:      {request: bridgedHead + "Content-Length: 3000\n\n{" + strings.Repeat(" ", 2000), change: toLegacy},
	edgeerr.BodyEncoded:      {request: bridgedHead + "Content-Encoding: gzip\nContent-Length: 2\n\n{}", change: toLegacy},
	edgeerr.MethodNotAllowed: {request: "TRACE / HTTP/1.1\nHost: edge\n\n"},
	edgeerr.RequestTimeout:   {request: head, change: func(c *config.Config) { c.Timeouts.ClientHead = short }},
	edgeerr.BodyTooLarge: {request: head + "Content-Length: 11\n\n", change: func(c *config.Config) {
		c.Limits.RequestBody = config.Size{Bytes: 10}
	}},
	edgeerr.URITooLong:          {request: "GET /" + strings.Repeat("x", 5<<10) + "/", change: small},
	edgeerr.HeadTooLarge:        {request: head + "X: " + strings.Repeat("x", 5<<10), change: small},
	edgeerr.ExpectationFailed:   {request: head + "Expect: payment\n\n"},
	edgeerr.CodingNotSupported:  {request: head + "Transfer-Encoding: gzip\n\n"},
	edgeerr.VersionNotSupported: {request: strings.Replace(head, "1.1", "2.0", 1) + "\n"},
	edgeerr.UpstreamUnresolved: {request: head + "\n", upstream: func(*testing.T) string {
		return "http://no..host" // no name: nobody is asked for it
	}},
	edgeerr.UpstreamConnectFailed: {request: head + "\n", upstream: func(*testing.T) string { return "http://127.0.0.1:1" }},
	edgeerr.UpstreamTLSFailed: {request: head + "\n", upstream: func(t *testing.T) string {
		return "https" + proxytest.StartUpstream(t, func(up *proxytest.Peer) { up.Send("HTTP/1.1 400 Bad Request\n\n"); up.Gone() })[len("http"):]
	}},
	edgeerr.UpstreamClosedEarly: {request: head + "\n", upstream: func(t *testing.T) string {
		return proxytest.StartUpstream(t, func(up *proxytest.Peer) { up.Request() })
	}},
	edgeerr.UpstreamInvalidResponse: {request: head + "\n", upstream: func(t *testing.T) string {
		return proxytest.StartUpstream(t, func(up *proxytest.Peer) { up.Request(); up.Send("nonsense\n\n"); up.Gone() })
	}},
	edgeerr.EdgeOverloaded: {before: proxytest.PlainGet, request: head + "\n", upstream: silent, change: func(c *config.Config) { c.Limits.Exchanges = 1 }},
	edgeerr.UpstreamUnavailable: {before: proxytest.PlainGet, request: head + "\n", upstream: silent, change: func(c *config.Config) {
		u := c.Upstreams["legacy"]
		u.MaxConnections = 1
		c.Upstreams["legacy"] = u
	}},
	edgeerr.NoUpstreamCredential: {request: head + "\n", change: func(c *config.Config) {
		c.Upstreams["legacy"] = config.Upstream{URL: c.Upstreams["legacy"].URL, Auth: config.Auth{Value: "env:KEY"}}
	}},
	edgeerr.UpstreamConnectTimeout: {request: head + "\n", upstream: func(t *testing.T) string { return "http://" + deaf(t) },
		change: func(c *config.Config) { c.Timeouts.Connect = short }},
	edgeerr.UpstreamHeadTimeout: {request: head + "\n", upstream: silent, change: func(c *config.Config) { c.Timeouts.ResponseHead = short }},
	edgeerr.UpstreamStalled: {request: head + "Content-Length: 33554432\n\n" + strings.Repeat("x", 32<<20), upstream: func(t *testing.T) string {
		return proxytest.StartUpstream(t, func(up *proxytest.Peer) { up.Head(); <-t.Context().Done() }) // it reads no more
	}, change: func(c *config.Config) { c.Timeouts.RequestBodyIdle = short }},
}

func small(c *config.Config) { c.Limits.Head = config.Size{Bytes: 4 << 10} }

// fixed is an issuer that nobody can ask: its keys stand in a variable.
var fixed = identitytest.Offline("https://id.example.com")

func askForTokens(c *config.Config) {
	os.Setenv("FIXED_KEYS", fixed.Keys()) //nolint:errcheck // of a test
	c.TokenPolicies = map[string]config.TokenPolicy{"p": {
		SigningKeys: []string{"env:FIXED_KEYS"}, Issuers: []string{"https://id.example.com"}, Audiences: []string{"a"},
		RequiredClaims: map[string]config.RequiredClaim{"roles": {}},
	}}
	r := c.Routes["api"]
	r.Require = config.Require{Token: []string{"p"}}
	c.Routes["api"] = r
}

func askForClients(c *config.Config) {
	c.Clients = map[string]config.Client{
		"team": {Keys: []string{clientkey.Hash("team")}, Routes: []string{"elsewhere"}},
		"gone": {Keys: []string{clientkey.Hash("gone")}, Expires: "2001-01-01"},
	}
	r := c.Routes["api"]
	r.Require = config.Require{Client: true}
	c.Routes["api"] = r
}

// silent reads requests and never answers.
func silent(t *testing.T) string {
	return proxytest.StartUpstream(t, func(up *proxytest.Peer) { up.Gone() })
}

// TestEveryErrorOfTheEdge holds that each reaches the client as the table in
// internal/edgeerr says, readable for a page of an allowed origin, with one
// access line.
func TestEveryErrorOfTheEdge(t *testing.T) {
	for _, code := range edgeerr.Codes() {
		p, ok := provocations[code]
		if code.Status() == 0 || code == edgeerr.Internal || code == edgeerr.EdgeDraining || code == edgeerr.LoopDetected || code == edgeerr.UpstreamsThrottled {
			continue
		}
		if !ok {
			t.Errorf("nothing here provokes %v", code)
			continue
		}
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			url := "http://127.0.0.1:1"
			if p.upstream != nil {
				url = p.upstream(t)
			}
			e := proxytest.StartEdge(t, url, func(c *config.Config) {
				c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
				if p.change != nil {
					p.change(c)
				}
			})
			if p.before != "" {
				other := e.Dial()
				defer other.Gone()
				defer other.TCP.CloseWrite() //nolint:errcheck // a test's end
				other.Send(p.before)
				e.WantMetric("apim_edge_exchanges_inflight", 1)
				e.WantMetric(`apim_edge_upstream_connections{upstream="legacy"}`, 1)
			}
			c := e.Dial()
			c.Send(p.request)
			m := c.Answer("POST")
			proxytest.WantError(t, m, code.Status(), code.String(), hint(code))
			wantReadable(t, m, strings.Contains(p.request, "Origin: "+proxytest.Page))
			e.WantExchange(code.Status(), code.String())
			if p.before != "" {
				e.Seen++ // the other one's, later
			}
			e.WantMetric(`apim_edge_errors_total{code="`+code.String()+`"}`, 1)
		})
	}
}

func hint(code edgeerr.Code) string {
	return map[edgeerr.Retry]string{edgeerr.RetryYes: "true", edgeerr.RetryNo: "false"}[code.Retry(false)]
}

// wantReadable holds that a page can read the answer, if its origin is known.
func wantReadable(t *testing.T, m proxytest.Message, known bool) {
	t.Helper()
	if !known {
		return
	}
	if got := m.Get("Access-Control-Allow-Origin"); got != proxytest.Page {
		t.Errorf("Access-Control-Allow-Origin %q, want %q", got, proxytest.Page)
	}
	if got := m.Get("Vary"); !strings.Contains(got, "Origin") {
		t.Errorf("Vary %q, want Origin in it", got)
	}
	for _, name := range []string{"x-apim-edge-error", "x-request-id", "retry-after"} {
		if got := strings.ToLower(m.Get("Access-Control-Expose-Headers")); !strings.Contains(got, name) {
			t.Errorf("Access-Control-Expose-Headers %q, want %s in it", got, name)
		}
	}
}

// TestAnOriginInABrokenHeadIsNoWayIn holds that what is echoed of a head that
// could not be read is an origin that the configuration names, and nothing else.
func TestAnOriginInABrokenHeadIsNoWayIn(t *testing.T) {
	for _, origin := range []string{
		"https://evil.example.net", proxytest.Page + "\rSet-Cookie: a=b", "https://a\rX: y.example.com", "https://\x00.example.com",
		"https://a b.example.com", "https://evil.example.net/.example.com",
	} {
		t.Run(origin, func(t *testing.T) {
			e := proxytest.StartEdge(t, "http://127.0.0.1:1", func(c *config.Config) {
				c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page, "https://*.example.com"}}}
			})
			c := e.Dial()
			c.Raw("GET / HTTP/1.1\r\nHost: edge\r\nOrigin: " + origin + "\r\nX y: z\r\n\r\n")
			m := c.Answer("GET")
			if got := m.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("Access-Control-Allow-Origin %q for an origin that is none", got)
			}
			proxytest.WantError(t, m, 400, "request_malformed", "false")
			e.WantExchange(400, "request_malformed")
		})
	}
}
