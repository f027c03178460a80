package proxy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// headText returns the head of m as it was, with the address of the upstream and made ids
// replaced by words.
func headText(m proxytest.Message, upstream string) string {
	var b strings.Builder
	b.WriteString(m.First + "\n")
	for _, f := range m.Fields {
		b.WriteString(f[0] + ": " + f[1] + "\n")
	}
	out := strings.ReplaceAll(b.String(), upstream, "UPSTREAM")
	out = edgesName.ReplaceAllString(out, "Via: 1.$1 apim-edge\n")
	out = madeDate.ReplaceAllString(out, "Date: MADE")
	return madeID.ReplaceAllString(out, "X-Request-Id: MADE")
}

var (
	madeID    = regexp.MustCompile(`X-Request-Id: [0-9a-f]{32}`)
	edgesName = regexp.MustCompile(`Via: 1\.([01]) apim-edge-[0-9a-f]{12}\n`)
	madeDate  = regexp.MustCompile(`Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`)
)

// TestWhatTheUpstreamIsSent holds the whole head, field by field, in its order
// and spelling.
func TestWhatTheUpstreamIsSent(t *testing.T) {
	const own = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: edge\n"
	const end = "X-Request-Id: MADE\nVia: 1.1 apim-edge\n"
	trusting := func(c *config.Config, _ *config.Route, _ *config.Upstream) {
		c.TrustedProxies = []string{"10.0.0.0/8", "127.0.0.1"}
	}
	for _, tc := range []struct {
		name    string
		change  func(*config.Config, *config.Route, *config.Upstream)
		request string
		want    string
	}{
		{
			"a plain request: nothing is invented", nil,
			"GET / HTTP/1.1\nHost: edge\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"order, spelling, duplicates and white space inside values are kept", nil,
			"POST /v1 HTTP/1.1\nHost: edge\nx-B:  two  words \nX-a: 1\nX-A: 2\nUser-Agent: me\ncontent-TYPE: application/json\nAccept: */*\nX-Empty:\nTraceparent: 00-1\nCookie: a=b\nContent-Length: 2\n\n{}",
			"POST /v1 HTTP/1.1\nHost: UPSTREAM\nx-B: two  words\nX-a: 1\nX-A: 2\nUser-Agent: me\ncontent-TYPE: application/json\nAccept: */*\nX-Empty: \nTraceparent: 00-1\nCookie: a=b\nContent-Length: 2\n" + own + end,
		},
		{
			"a method that nobody has heard of", nil,
			"PURGE-ALL /v1 HTTP/1.1\nHost: edge\n\n",
			"PURGE-ALL /v1 HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"path and query go byte for byte", nil,
			"GET //a/%2Fb/%e4%Bb%a5/c;d=1/?q=%zz&&x=?&=%20+&y=%27'(%29 HTTP/1.1\nHost: edge\n\n",
			"GET //a/%2Fb/%e4%Bb%a5/c;d=1/?q=%zz&&x=?&=%20+&y=%27'(%29 HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"an empty query stays one", nil,
			"GET /a? HTTP/1.1\nHost: edge\n\n",
			"GET /a? HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"an absolute target names the host", nil,
			"GET http://other:80/a?b HTTP/1.1\nHost: edge\n\n",
			"GET /a?b HTTP/1.1\nHost: UPSTREAM\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: other:80\n" + end,
		},
		{
			"OPTIONS for the whole server", nil,
			"OPTIONS * HTTP/1.1\nHost: edge\n\n",
			"OPTIONS * HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"the upstream's path goes in front",
			func(_ *config.Config, _ *config.Route, u *config.Upstream) { u.URL += "/openai/" },
			"GET /v1/models?a=b HTTP/1.1\nHost: edge\n\n",
			"GET /openai/v1/models?a=b HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"a prefix is taken off",
			func(_ *config.Config, r *config.Route, _ *config.Upstream) {
				r.PathPrefix, r.StripPrefix = "/team", "/team"
			},
			"GET /team/v1/models HTTP/1.1\nHost: edge\n\n",
			"GET /v1/models HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"a prefix is all there is",
			func(_ *config.Config, r *config.Route, _ *config.Upstream) {
				r.PathPrefix, r.StripPrefix = "/team", "/team"
			},
			"GET /team?a HTTP/1.1\nHost: edge\n\n",
			"GET /?a HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"one prefix is taken off and another put in front",
			func(_ *config.Config, r *config.Route, u *config.Upstream) {
				r.PathPrefix, r.StripPrefix = "/team", "/team"
				u.URL += "/openai"
			},
			"GET /team/ HTTP/1.1\nHost: edge\n\n",
			"GET /openai/ HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"the client's Host, where that is asked for",
			func(_ *config.Config, _ *config.Route, u *config.Upstream) { u.PreserveHost = true },
			"GET / HTTP/1.1\nHost: Edge.example.com:8080\n\n",
			"GET / HTTP/1.1\nHost: Edge.example.com:8080\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: Edge.example.com:8080\n" + end,
		},
		{
			"a client of HTTP/1.0 that names no host (RFC 9110 section 7.6.3)", nil,
			"GET / HTTP/1.0\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\nX-Request-Id: MADE\nVia: 1.0 apim-edge\n",
		},
		{
			"OPTIONS is forwarded once less (RFC 9110 section 7.6.2)", nil,
			"OPTIONS /a HTTP/1.1\nHost: edge\nConnection: max-forwards\nMax-Forwards: 10\n\n",
			"OPTIONS /a HTTP/1.1\nHost: UPSTREAM\nMax-Forwards: 9\n" + own + end,
		},
		{
			"what is no number of times, or of another method, goes through", nil,
			"POST /a HTTP/1.1\nHost: edge\nMax-Forwards: 0\n\n",
			"POST /a HTTP/1.1\nHost: UPSTREAM\nMax-Forwards: 0\n" + own + end,
		},
		{
			"an id of the client is kept", nil,
			"GET / HTTP/1.1\nHost: edge\nX-Request-ID: mine\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\nX-Request-ID: mine\n" + own + "Via: 1.1 apim-edge\n",
		},
		{
			"Via of others is kept", nil,
			"GET / HTTP/1.1\nHost: edge\nVia: 1.1 front\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\nVia: 1.1 front\n" + own + end,
		},
		{
			"what a stranger says about the way is dropped", nil,
			"GET / HTTP/1.1\nHost: edge\nX-Forwarded-For: 1.2.3.4\nx-forwarded-proto: https\nX-Forwarded-Host: bank\nForwarded: for=1.2.3.4\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"what a trusted proxy says about the way is continued", trusting,
			"GET / HTTP/1.1\nHost: edge\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-For: 10.1.1.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: api.example.com\nForwarded: for=1.2.3.4;proto=https\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\nX-Forwarded-For: 1.2.3.4, 10.1.1.1, 127.0.0.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: api.example.com\nForwarded: for=1.2.3.4;proto=https, for=127.0.0.1;proto=http\n" + end,
		},
		{
			"a trusted proxy that says nothing", trusting,
			"GET / HTTP/1.1\nHost: edge\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\n" + own + end,
		},
		{
			"hop-by-hop fields end here", nil,
			"POST / HTTP/1.1\nHost: edge\nConnection: keep-alive, X-Hop\nX-Hop: 1\nX-Stays: 1\nKeep-Alive: timeout=5\nProxy-Connection: keep-alive\nProxy-Authorization: Basic eDp5\nProxy-Authenticate: x\nTE: trailers\nUpgrade: h2c\nHTTP2-Settings: x\nContent-Length: 0\n\n",
			"POST / HTTP/1.1\nHost: UPSTREAM\nX-Stays: 1\nContent-Length: 0\n" + own + end,
		},
		{
			"Connection cannot name away what the edge adds or needs", trusting,
			"POST / HTTP/1.1\nHost: edge\nConnection: api-key, authorization, host, content-length, content-type, x-request-id, via, x-forwarded-for, forwarded, transfer-encoding\n" +
				"Authorization: Bearer 0123abcd\nContent-Type: text/plain\nX-Request-Id: mine\nX-Forwarded-For: 1.2.3.4\nForwarded: for=1.2.3.4\nContent-Length: 2\n\nhi",
			"POST / HTTP/1.1\nHost: UPSTREAM\nContent-Type: text/plain\nX-Request-Id: mine\nContent-Length: 2\napi-key: 0123abcd\n" +
				"X-Forwarded-For: 1.2.3.4, 127.0.0.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: edge\nForwarded: for=1.2.3.4, for=127.0.0.1;proto=http\nVia: 1.1 apim-edge\n",
		},
		{
			"nobody speaks for the edge", nil,
			"GET / HTTP/1.1\nHost: edge\nX-Apim-Edge-Decision: token\nx-apim-edge-error: none\nX-APIM-EDGE-X: 1\nX-Apim-Trace: 1\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\nX-Apim-Trace: 1\n" + own + end,
		},
		{
			"a key leaves the query, the rest of it stays", nil,
			"GET /v1?a=%41&subscription-key=k%2D1&b=2 HTTP/1.1\nHost: edge\n\n",
			"GET /v1?a=%41&b=2 HTTP/1.1\nHost: UPSTREAM\napi-key: k-1\n" + own + end,
		},
		{
			"a query that is nothing but a key goes", nil,
			"GET /v1?subscription-key=k HTTP/1.1\nHost: edge\n\n",
			"GET /v1 HTTP/1.1\nHost: UPSTREAM\napi-key: k\n" + own + end,
		},
		{
			"Origin can be withheld",
			func(_ *config.Config, r *config.Route, _ *config.Upstream) {
				r.CORS = config.CORS{AllowedOrigins: []string{proxytest.Page}, WithholdOrigin: true}
			},
			"GET / HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\nReferer: " + proxytest.Page + "/\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\nReferer: " + proxytest.Page + "/\n" + own + end,
		},
		{
			"another way to send the key",
			func(_ *config.Config, r *config.Route, _ *config.Upstream) {
				r.Credential = config.Credential{Header: "Authorization", Value: "Bearer {key}"}
			},
			"GET / HTTP/1.1\nHost: edge\napi-key: 0123abcd\n\n",
			"GET / HTTP/1.1\nHost: UPSTREAM\nAuthorization: Bearer 0123abcd\n" + own + end,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := make(chan proxytest.Message, 1)
			url := proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				got <- up.Request()
				up.Send(proxytest.FixedHead + "0123456789")
				up.Gone()
			})
			e := proxytest.StartEdge(t, url, func(c *config.Config) {
				r, u := c.Routes["api"], c.Upstreams["legacy"]
				if tc.change != nil {
					tc.change(c, &r, &u)
				}
				c.Routes["api"], c.Upstreams["legacy"] = r, u
			})
			if m := e.Ask(tc.request); m.Status() != 200 {
				t.Fatalf("answer %q %s", m.First, m.Body)
			}
			m := <-got
			if got := headText(m, strings.TrimPrefix(url, "http://")); got != tc.want {
				t.Errorf("the upstream is sent\n%s\nwant\n%s", got, tc.want)
			}
			e.WantExchange(200, "complete")
		})
	}
}

// TestWhatTheClientIsSent holds the same for answers.
func TestWhatTheClientIsSent(t *testing.T) {
	const body = "Content-Length: 2\n"
	for _, tc := range []struct {
		name   string
		cors   bool
		debug  bool
		answer string
		want   string
	}{
		{
			"order, spelling and duplicates are kept, nothing is invented", false, false,
			"HTTP/1.1 299 Odd  Reason\nx-B:  two  words \nSet-Cookie: a=b\nSet-Cookie: c=d\nX-Empty:\n" + body + "DATE: x\nServer: y\nVia: 1.1 z\n",
			"HTTP/1.1 299 Odd  Reason\nx-B: two  words\nSet-Cookie: a=b\nSet-Cookie: c=d\nX-Empty: \n" + body + "DATE: x\nServer: y\nVia: 1.1 z\n",
		},
		{
			"no reason phrase", false, false,
			"HTTP/1.1 200\n" + body, "HTTP/1.1 200\n" + body + "Date: MADE\n",
		},
		{
			"hop-by-hop fields end here", false, false,
			"HTTP/1.1 200 OK\nConnection: keep-alive, X-Hop, content-length\nX-Hop: 1\nKeep-Alive: timeout=5\nProxy-Authenticate: x\nUpgrade: h2c\n" + body,
			"HTTP/1.1 200 OK\n" + body + "Date: MADE\n",
		},
		{
			"nobody speaks for the edge", false, false,
			"HTTP/1.1 200 OK\nX-Apim-Edge-Error: forged\nX-Apim-Edge-Decision: forged\n" + body,
			"HTTP/1.1 200 OK\n" + body + "Date: MADE\n",
		},
		{
			"redirects are passed on", false, false,
			"HTTP/1.1 307 Temporary Redirect\nLocation: https://elsewhere.example.com/\n" + body,
			"HTTP/1.1 307 Temporary Redirect\nLocation: https://elsewhere.example.com/\n" + body + "Date: MADE\n",
		},
		{
			"a date that upstream's Connection names is the edge's", false, false,
			"HTTP/1.1 200 OK\nConnection: date\nDate: x\n" + body,
			"HTTP/1.1 200 OK\n" + body + "Date: MADE\n",
		},
		{
			"what the client has to ask for is told (RFC 9110 section 15.5.22)", false, false,
			"HTTP/1.1 426 Upgrade Required\nConnection: Upgrade\nUpgrade: HTTP/3.0\nDate: x\n" + body,
			"HTTP/1.1 426 Upgrade Required\nUpgrade: HTTP/3.0\nDate: x\n" + body + "Connection: Upgrade\n",
		},
		{
			"nothing to ask for is invented", false, false,
			"HTTP/1.1 426 Upgrade Required\nConnection: Upgrade\nDate: x\n" + body,
			"HTTP/1.1 426 Upgrade Required\nDate: x\n" + body,
		},
		{
			"upstream's own CORS fields, where the route has no policy", false, false,
			"HTTP/1.1 200 OK\nAccess-Control-Allow-Origin: *\nVary: X\n" + body,
			"HTTP/1.1 200 OK\nAccess-Control-Allow-Origin: *\nVary: X\n" + body + "Date: MADE\n",
		},
		{
			"the edge's decision, where that is asked for", false, true,
			"HTTP/1.1 200 OK\n" + body,
			"HTTP/1.1 200 OK\n" + body + "X-Apim-Edge-Decision: no_credential\nDate: MADE\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send(tc.answer + "\nok")
				up.Gone()
			}), func(c *config.Config) { c.Debug.DecisionHeader = tc.debug })
			m := e.Ask(proxytest.PlainGet)
			if got := headText(m, "no upstream"); got != tc.want || m.Body != "ok" {
				t.Errorf("the client is sent\n%s\nand %q, want\n%s", got, m.Body, tc.want)
			}
			e.Exchange()
		})
	}
}

// TestCORSFieldsOfAnUpstreamAreReplaced holds that there is one answer to who may
// read, whatever the upstream says and whether it says 200 or 401.
func TestCORSFieldsOfAnUpstreamAreReplaced(t *testing.T) {
	const theirs = "Access-Control-Allow-Origin: *\naccess-control-allow-origin: https://old.example.com\nAccess-Control-Allow-Credentials: true\n" +
		"Access-Control-Expose-Headers: x-secret\nVary: Accept-Encoding, origin\nVary: X\n"
	for _, status := range []string{"200 OK", "401 Unauthorized", "429 Too Many Requests", "500 Internal Server Error", "304 Not Modified"} {
		for _, origin := range []string{proxytest.Page, "https://evil.example.net", ""} {
			t.Run(status+" for "+origin, func(t *testing.T) {
				e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
					up.Request()
					up.Send("HTTP/1.1 " + status + "\n" + theirs + "x-ratelimit-remaining-tokens: 7\nContent-Length: 0\n\n")
					up.Gone()
				}), func(c *config.Config) {
					c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
				})
				request := proxytest.PlainGet
				if origin != "" {
					request = "GET / HTTP/1.1\nHost: edge\nOrigin: " + origin + "\n\n"
				}
				m := e.Ask(request)
				allowed := ""
				if origin == proxytest.Page {
					allowed = proxytest.Page
				}
				if got := m.Get("Access-Control-Allow-Origin"); got != allowed {
					t.Errorf("Access-Control-Allow-Origin %q, want %q", got, allowed)
				}
				if got := m.Get("Access-Control-Allow-Credentials"); got != "" {
					t.Errorf("Access-Control-Allow-Credentials %q, want none", got)
				}
				exposed := strings.ToLower(m.Get("Access-Control-Expose-Headers"))
				if strings.Contains(exposed, "x-secret") || strings.Contains(exposed, "x-ratelimit-remaining-tokens") != (origin == proxytest.Page) {
					t.Errorf("Access-Control-Expose-Headers %q", exposed)
				}
				if got := strings.ToLower(m.Get("Vary")); strings.Count(got, "origin") != 1 || !strings.Contains(got, "accept-encoding") || !strings.Contains(got, "x") {
					t.Errorf("Vary %q, want each once", got)
				}
				e.Exchange()
			})
		}
	}
}

// TestAnOptionsThatMayGoNoFurther holds that the edge answers it (RFC 9110 section
// 7.6.2), and that the connection goes on.
func TestAnOptionsThatMayGoNoFurther(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), nil)
	c := e.Dial()
	for range 2 {
		c.Send("OPTIONS /a HTTP/1.1\nHost: edge\nMax-Forwards: 0\n\n")
		const want = "HTTP/1.1 204 No Content\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\nDate: MADE\n"
		if m := c.Answer("OPTIONS"); headText(m, "no upstream") != want {
			t.Errorf("answer\n%s\nwant\n%s", headText(m, "no upstream"), want)
		}
		e.WantExchange(204, "complete")
	}
}

// TestAHeadWithoutABodyHasNoLength holds that a field that no 204 may have ends here
// (RFC 9110 section 8.6, RFC 9112 section 6.1), and is kept where it tells something.
func TestAHeadWithoutABodyHasNoLength(t *testing.T) {
	for _, tc := range []struct{ name, answer, want string }{
		{"204 with a length", "HTTP/1.1 204 No Content\nContent-Length: 0\nDate: x\n", "HTTP/1.1 204 No Content\nDate: x\n"},
		{"204 in chunks", "HTTP/1.1 204 No Content\nTransfer-Encoding: chunked\nDate: x\n", "HTTP/1.1 204 No Content\nDate: x\n"},
		{"304 with a length", "HTTP/1.1 304 Not Modified\nContent-Length: 5\nDate: x\n", "HTTP/1.1 304 Not Modified\nContent-Length: 5\nDate: x\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send(tc.answer + "\n")
				up.Gone()
			}), nil)
			if m := e.Ask(proxytest.PlainGet); headText(m, "no upstream") != tc.want {
				t.Errorf("answer\n%s\nwant\n%s", headText(m, "no upstream"), tc.want)
			}
		})
	}
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send("HTTP/1.1 103 Early Hints\nContent-Length: 0\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send(proxytest.PlainGet)
	if m := c.Head(); headText(m, "no upstream") != "HTTP/1.1 103 Early Hints\nLink: </a>\n" {
		t.Errorf("interim answer\n%s", headText(m, "no upstream"))
	}
	c.Answer("GET")
}
