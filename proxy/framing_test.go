package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestAnswersWithoutABody holds that what the head says of a body is kept, that
// none is waited for, and that both connections go on.
func TestAnswersWithoutABody(t *testing.T) {
	for _, tc := range []struct{ name, method, answer, framing string }{
		{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\nContent-Length: 1000\n\n", "1000"},
		{"HEAD with chunks", "HEAD", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", "chunked"},
		{"HEAD with neither", "HEAD", "HTTP/1.1 200 OK\n\n", ""},
		{"204", "GET", "HTTP/1.1 204 No Content\n\n", ""},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\nContent-Length: 1000\n\n", "1000"},
		{"a length of 0", "GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "0"},
		{"one empty chunk", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n\n", "chunked"},
	} {
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				e := leg.start(t, nil, func(up *peer) {
					for range 2 {
						up.request()
						up.send(tc.answer)
					}
					up.gone()
				}, noConnection)
				c := e.dial()
				for range 2 {
					c.send(tc.method + " / HTTP/1.1\nHost: edge\n\n")
					m := c.answer(tc.method)
					if got := m.get("Content-Length") + m.get("Transfer-Encoding"); got != tc.framing || m.get("Connection") != "" {
						t.Errorf("answer with framing %q and Connection %q, want %q on a connection that goes on", got, m.get("Connection"), tc.framing)
					}
					e.wantExchange(message{first: tc.answer}.status(), "complete")
				}
			})
		}
	}
}

// TestClientsOfHTTP10 holds that they get what they can read, and that the
// connection tells them the end.
func TestClientsOfHTTP10(t *testing.T) {
	for _, tc := range []struct{ name, answer, want string }{
		{"chunks", chunkedHead + "5\nhello\n6;x=y\n world\n0\nX-Check: 1\n\n", "hello world"},
		{"known length", fixedHead + "0123456789", "0123456789"},
		{"close-delimited", openHead + "hello", "hello"},
	} {
		for _, keepAlive := range []string{"", "Connection: keep-alive\n"} {
			for _, leg := range everyLeg {
				t.Run(tc.name+", "+keepAlive+leg.name, func(t *testing.T) {
					e := leg.start(t, nil, func(up *peer) {
						if m := up.request(); !strings.HasSuffix(m.first, " HTTP/1.1") {
							t.Errorf("the request arrives as %q, want HTTP/1.1", m.first)
						}
						up.send(tc.answer)
					})
					c := e.dial()
					c.send("GET / HTTP/1.0\n" + keepAlive + "\n")
					m := c.head()
					body, end := c.rest()
					if body != tc.want || end != orderly || m.get("Transfer-Encoding") != "" || m.get("Connection") != "close" {
						t.Errorf("answer %v, body %q, then %s, want %q and FIN", m.fields, body, end, tc.want)
					}
					e.wantExchange(200, "complete")
				})
			}
		}
	}
}

// TestUpstreamsOfHTTP10 holds that their connection carries one exchange.
func TestUpstreamsOfHTTP10(t *testing.T) {
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send("HTTP/1.0 200 OK\nContent-Length: 2\n\nok")
		up.gone()
	}), nil)
	c := e.dial()
	for range 2 {
		c.send(plainGet)
		if m := c.answer("GET"); m.body != "ok" || m.first != "HTTP/1.1 200 OK" {
			t.Errorf("answer %v", m)
		}
		e.wantExchange(200, "complete")
	}
	e.wantMetric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`, 2)
}

// TestPipelinedRequestsKeepTheirCredentials holds that requests sent together are
// answered in order, each with its own key, by whoever it was for.
func TestPipelinedRequestsKeepTheirCredentials(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, nil, echoKey)
			c := e.dial()
			all := ""
			for i := range 20 {
				all += fmt.Sprintf("POST /%d HTTP/1.1\nHost: edge\nAuthorization: Bearer key-%d\nContent-Length: %d\n\n%s", i, i, i, strings.Repeat("x", i))
			}
			c.send(all)
			for i := range 20 {
				if m, want := c.answer("POST"), fmt.Sprintf("/%d key-%d %d", i, i, i); m.body != want {
					t.Errorf("answer %d is %q, want %q", i, m.body, want)
				}
				e.wantExchange(200, "complete")
			}
		})
	}
}

// echoKey answers every request with its path, its key and its length.
func echoKey(up *peer) {
	for {
		m, err := up.tryHead()
		if err != nil {
			return
		}
		m = up.finish(m, false)
		text := fmt.Sprintf("%s %s %d", strings.Fields(m.first)[1], m.get("api-key"), len(m.body))
		up.raw("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text)
	}
}

// TestManyClientsAtOnceKeepTheirAnswers holds that none gets what is another's,
// while upstream connections pass from one to the other.
func TestManyClientsAtOnceKeepTheirAnswers(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			const clients, requests = 20, 15
			e := leg.start(t, nil, echoKey)
			var all sync.WaitGroup
			for n := range clients {
				c := e.dial()
				all.Go(func() {
					for i := range requests {
						if _, err := fmt.Fprintf(c, "POST /%d/%d HTTP/1.1\r\nHost: edge\r\napi-key: key-%d\r\nContent-Length: 3\r\n\r\nabc", n, i, n); err != nil {
							t.Error(err)
							return
						}
						m, err := c.tryHead()
						if err != nil {
							t.Error(err)
							return
						}
						m = c.finish(m, false)
						if want := fmt.Sprintf("/%d/%d key-%d 3", n, i, n); m.body != want {
							t.Errorf("client %d gets %q, want %q", n, m.body, want)
						}
					}
				})
			}
			all.Wait()
			for range clients * requests {
				e.wantExchange(200, "complete")
			}
		})
	}
}

// TestAnErrorWhoseRequestIsReadEndsNoConnection holds that the next request is
// answered; one whose end nobody knows ends it.
func TestAnErrorWhoseRequestIsReadEndsNoConnection(t *testing.T) {
	for _, tc := range []struct {
		name, request string
		status        int
		goesOn        bool
	}{
		{"two credentials", "POST / HTTP/1.1\nHost: edge\nAuthorization: Bearer a\nAuthorization: Bearer b\nContent-Length: 2\n\n{}", 400, true},
		{"two credentials, without a body", "GET / HTTP/1.1\nHost: edge\napi-key: a\napi-key: b\n\n", 400, true},
		{"two credentials, the body on its way", "POST / HTTP/1.1\nHost: edge\nAuthorization: Bearer a\nAuthorization: Bearer b\nContent-Length: 3\n\n{}", 400, false},
		{"two credentials, a chunked body", "POST / HTTP/1.1\nHost: edge\napi-key: a\napi-key: b\nTransfer-Encoding: chunked\n\n0\n\n", 400, false},
		{"a malformed head", "GET / HTTP/1.1\nHost: edge\nX y: z\n\n", 400, false},
		{"the last request of its client", "GET / HTTP/1.1\nHost: edge\nConnection: close\napi-key: a\napi-key: b\n\n", 400, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := startEdge(t, startUpstream(t, echoKey), nil)
			c := e.dial()
			c.send(tc.request)
			m := c.answer("POST")
			if m.status() != tc.status || (m.get("Connection") == "close") == tc.goesOn {
				t.Errorf("answer %q with Connection %q", m.first, m.get("Connection"))
			}
			e.exchange()
			if !tc.goesOn {
				c.wantEnd(orderly)
				return
			}
			c.send("GET /next HTTP/1.1\nHost: edge\n\n")
			if m := c.answer("GET"); m.body != "/next  0" {
				t.Errorf("the next answer is %v", m)
			}
			e.exchange()
		})
	}
}
