package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestWhatIsNotHeldIsNotMoved holds that the answer passes as it is where the body is
// larger than what is held, and that the next upstream is asked the next time.
func TestWhatIsNotHeldIsNotMoved(t *testing.T) {
	for name, tc := range map[string]struct {
		head  string
		limit int64
	}{
		"by its length": {"Content-Length: 1001\n\n" + strings.Repeat("x", 1001), 1000},
		"as it comes":   {"Transfer-Encoding: chunked\n\n" + strings.Repeat("64\n"+strings.Repeat("x", 100)+"\n", 100) + "0\n\n", 5000},
		"any":           {"Content-Length: 1\n\nx", 0},
		"any in chunks": {"Transfer-Encoding: chunked\n\n1\nx\n0\n\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := startMember(t, says(429, throttle, "full")), startMember(t, says(200, "", "right"))
			conf := proxytest.Configuration(nobody, several(a.URL, b.URL))
			r := conf.Routes["api"]
			r.Failover.BodyHead.Bytes = tc.limit
			conf.Routes["api"] = r
			e := startSeveral(t, nobody)
			testkit.Must(t, e.Use(conf))
			request := "POST /openai/v1/chat/completions HTTP/1.1\nHost: edge\napi-key: 0123abcd\n" + tc.head
			for _, want := range []string{"full", "right"} {
				if m := e.Ask(request); m.Body != want {
					t.Errorf("the answer is %v, want %q", m, want)
				}
				e.Exchange()
			}
		})
	}
}

// TestAnIdStays holds that a request which names what is on one resource goes nowhere
// else, wherever it names it, and is not kept from its own by what others have seen
// there.
func TestAnIdStays(t *testing.T) {
	const id = `{"model":"m","input":"x","previous_response_id":"resp_1"}`
	post := func(body string) string {
		return "POST /openai/v1/responses HTTP/1.1\nHost: edge\napi-key: 0123abcd\nContent-Length: " + strconv.Itoa(len(body)) + "\n\n" + body
	}
	late := post(`{"input":"` + strings.Repeat("x", 60_000) + `","previous_response_id":"resp_1"}`)
	for name, tc := range map[string]struct {
		parts []string
		stays bool
	}{
		"in the path":            {[]string{"GET /openai/v1/responses/resp_1 HTTP/1.1\nHost: edge\napi-key: 0123abcd\n\n"}, true},
		"in the body":            {[]string{post(id)}, true},
		"in a body that is late": {[]string{late[:40_000], late[40_000:]}, true},
		"in two chunks": {[]string{"POST /openai/v1/responses HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n" +
			fmt.Sprintf("%x\n%s\n%x\n%s\n0\n\n", 40, id[:40], len(id)-40, id[40:])}, true},
		"in none":      {[]string{post(`{"model":"m","input":"previous_response_id","previous_response_id":null}`)}, false},
		"files":        {[]string{"POST /openai/files HTTP/1.1\nHost: edge\napi-key: 0123abcd\nContent-Length: 1\n\nx"}, true},
		"a login":      {[]string{"GET / HTTP/1.1\nHost: edge\nAuthorization: NTLM TlRMTVNTUAAB\n\n"}, true},
		"nothing else": {[]string{proxytest.Request}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := startMember(t, says(429, throttle, "full")), startMember(t, says(200, "", "right"))
			e := startSeveral(t, a.URL, b.URL)
			for n := range 2 { // the second finds that the first upstream throttles
				c := e.Dial()
				for _, part := range tc.parts {
					c.Send(part)
				}
				m := c.Answer(proxytest.MethodOf(tc.parts[0]))
				e.Exchange()
				want := map[bool]string{true: "full", false: "right"}[tc.stays]
				if n > 0 && name == "in a body that is late" {
					break // nobody has known when it was chosen
				}
				if n > 0 && name == "in two chunks" {
					break
				}
				if m.Body != want {
					t.Errorf("answer %d is %v, want %q", n+1, m, want)
				}
			}
		})
	}
}

// TestAnIdThatComesLaterStays holds that a request which no upstream has taken goes on only
// when its body was looked at.
func TestAnIdThatComesLaterStays(t *testing.T) {
	const long = 60_000
	framed := map[string]func(body string) string{
		"a length": func(body string) string { return "Content-Length: " + strconv.Itoa(len(body)) + "\n\n" + body },
		"chunks": func(body string) string {
			return "Transfer-Encoding: chunked\n\n" + fmt.Sprintf("%x\n%s\n%x\n%s\n0\n\n", long, body[:long], len(body)-long, body[long:])
		},
	}
	for name, frame := range framed {
		for end, stays := range map[string]bool{`","previous_response_id":"resp_1"}`: true, `","user":"me"}`: false} {
			t.Run(fmt.Sprint(name, ", stays ", stays), func(t *testing.T) {
				t.Parallel()
				b := startMember(t, func(up *proxytest.Peer, m proxytest.Message) {
					up.Send(fmt.Sprintf("HTTP/1.1 200 OK\nContent-Length: %d\n\n%s", len(m.Body), m.Body))
				})
				e := startSeveral(t, nobody, b.URL)
				body := `{"input":"` + strings.Repeat("x", long) + end
				text := "POST /openai/v1/responses HTTP/1.1\nHost: edge\napi-key: 0123abcd\n" + frame(body)
				c, next := e.Dial(), proxytest.Request
				if stays {
					next = ""
				}
				for _, part := range []string{text[:100], text[100:20_000], text[20_000 : len(text)-10], text[len(text)-10:] + next} {
					c.Send(part)
				}
				m := c.Answer("POST")
				if stays {
					proxytest.WantError(t, m, 502, "upstream_connect_failed", "true")
					e.WantExchange(502, "upstream_connect_failed")
					if n := len(b.requests()); n != 0 {
						t.Errorf("another upstream was asked %d times", n)
					}
					return
				}
				if m.Body != body {
					t.Errorf("the answer has status %d and %d bytes, want the %d of the request", m.Status(), len(m.Body), len(body))
				}
				if l := e.WantExchange(200, "complete"); fmt.Sprint(l["moved"]) != "[a=upstream_connect_failed]" {
					t.Errorf("the access line is %v", l)
				}
				if m := c.Answer("POST"); m.Status() != 200 { // what stood behind it
					t.Errorf("the next answer is %v", m)
				}
				e.WantExchange(200, "complete")
			})
		}
	}
}

// TestAClientThatLeavesBeforeItsRequestMoves holds that nobody waits for the rest of its body.
func TestAClientThatLeavesBeforeItsRequestMoves(t *testing.T) {
	b := startMember(t, says(200, "", "right"))
	e := startSeveral(t, nobody, b.URL)
	c := e.Dial()
	c.Send("POST / HTTP/1.1\nHost: edge\nContent-Length: 100\n\n{")
	c.Close() //nolint:errcheck // that is the test
	e.WantExchange(0, "client_left")
	if n := len(b.requests()); n != 0 {
		t.Errorf("an upstream was asked %d times", n)
	}
}

// TestAnUploadMovesOn holds that a body which still comes goes on to the next upstream.
func TestAnUploadMovesOn(t *testing.T) {
	part := make(chan struct{})
	a := proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Head()
		<-part
		up.Send("HTTP/1.1 429 X\nContent-Length: 4\n\nfull")
		up.Gone()
	})
	b := proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		m := up.Head()
		part <- struct{}{}
		m = up.Finish(m, false)
		up.Send(fmt.Sprintf("HTTP/1.1 200 OK\nContent-Length: %d\n\n%s", len(m.Body), m.Body))
	})
	e := startSeveral(t, a, b)
	c := e.Dial()
	c.Send("POST /openai/v1/responses HTTP/1.1\nHost: edge\nContent-Length: 200000\n\n" + strings.Repeat("a", 100_000))
	part <- struct{}{}
	<-part
	c.Send(strings.Repeat("b", 100_000))
	if m := c.Answer("POST"); m.Body != strings.Repeat("a", 100_000)+strings.Repeat("b", 100_000) {
		t.Errorf("the answer has status %d and %d bytes", m.Status(), len(m.Body))
	}
	if l := e.WantExchange(200, "complete"); fmt.Sprint(l["moved"]) != "[a=429]" {
		t.Errorf("the access line is %v", l)
	}
}

// TestAHandshakeMoves holds that a WebSocket is a request like any until it is one.
func TestAHandshakeMoves(t *testing.T) {
	a := startMember(t, says(503, "", ""))
	b := startMember(t, func(up *proxytest.Peer, _ proxytest.Message) { up.Send(proxytest.Switching + "hello"); up.Gone() })
	e := startSeveral(t, a.URL, b.URL)
	c := e.Dial()
	c.Send(proxytest.Handshake)
	if m := c.Head(); m.Status() != 101 || c.Bytes(5) != "hello" {
		t.Errorf("the answer is %v", m)
	}
	c.Close() //nolint:errcheck // a test's end
	if l := e.Exchange(); l["upstream"] != "b" || fmt.Sprint(l["moved"]) != "[a=503]" {
		t.Errorf("the access line is %v", l)
	}
}

// TestUpstreamsOfDifferentShape holds that prefix, host and credential are those of the
// one that is asked, and that nothing of another one's goes along.
func TestUpstreamsOfDifferentShape(t *testing.T) {
	a, b := startMember(t, says(429, "", "full")), startMember(t, says(200, "", "right"))
	e := proxytest.StartEdgeShowing(t, nobody, own("x-secret", "edges", "").Credential, func(c *config.Config) {
		auth := c.Upstreams["legacy"].Auth
		several(a.URL+"/legacy", b.URL+"/v1/x")(c)
		u := c.Upstreams["a"]
		u.Auth = auth
		c.Upstreams["a"] = u
	})
	for range 2 {
		if m := e.Ask("POST /chat?a=1 HTTP/1.1\nHost: edge\nAuthorization: Bearer mine\nx-secret: forged\nContent-Length: 2\n\n{}"); m.Body != "right" {
			t.Errorf("the answer is %v", m)
		}
		e.WantExchange(200, "complete")
	}
	first, second := a.requests()[0], b.requests()[0]
	if first.First != "POST /legacy/chat?a=1 HTTP/1.1" || first.Get("x-secret") != "edges" || first.Get("api-key") != "" || first.Get("Host") != a.URL[len("http://"):] {
		t.Errorf("the first is sent %v", first)
	}
	if second.First != "POST /v1/x/chat?a=1 HTTP/1.1" || second.Get("api-key") != "mine" || second.Get("x-secret") != "forged" || second.Get("Host") != b.URL[len("http://"):] {
		t.Errorf("the second is sent %v", second)
	}
}

// TestPipelinedRequestsMoveApart holds that what stands behind a request that is held is
// the next one's, whole, and that the answers keep their order.
func TestPipelinedRequestsMoveApart(t *testing.T) {
	echo := func(up *proxytest.Peer, m proxytest.Message) {
		up.Send(fmt.Sprintf("HTTP/1.1 200 OK\nContent-Length: %d\n\n%s", len(m.Body), m.Body))
	}
	a, b := startMember(t, says(429, "retry-after-ms: 1\n", "full")), startMember(t, echo)
	e := startSeveral(t, a.URL, b.URL)
	c := e.Dial()
	post := func(key, framing string) string {
		return "POST / HTTP/1.1\nHost: edge\napi-key: " + key + "\n" + framing
	}
	all := post("one", "Content-Length: 5\n\nfirst") + post("two", "Transfer-Encoding: chunked\n\n6\nsecond\n0\nX-Sum: 1\n\n") +
		post("three", "Content-Length: 0\n\n") + post("four", "Content-Length: 6\n\nfourth")
	for i := 0; i < len(all); i += 70 { // heads and bodies are cut anywhere
		c.Send(all[i:min(i+70, len(all))])
	}
	for _, want := range []string{"first", "second", "", "fourth"} {
		if m := c.Answer("POST"); m.Status() != 200 || m.Body != want {
			t.Errorf("the answer is %v, want %q", m, want)
		}
		if l := e.WantExchange(200, "complete"); fmt.Sprint(l["moved"]) != "[a=429]" {
			t.Errorf("the access line is %v", l)
		}
	}
	var keys []string
	for _, m := range b.requests() {
		keys = append(keys, m.Get("api-key"))
	}
	if got := strings.Join(keys, " "); got != "one two three four" {
		t.Errorf("sent with the keys %s", got)
	}
}
