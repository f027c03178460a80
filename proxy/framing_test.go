package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
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
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					for range 2 {
						up.Request()
						up.Send(tc.answer)
					}
					up.Gone()
				}, proxytest.NoConnection)
				c := e.Dial()
				for range 2 {
					c.Send(tc.method + " / HTTP/1.1\nHost: edge\n\n")
					m := c.Answer(tc.method)
					if got := m.Get("Content-Length") + m.Get("Transfer-Encoding"); got != tc.framing || m.Get("Connection") != "" {
						t.Errorf("answer with framing %q and Connection %q, want %q on a connection that goes on", got, m.Get("Connection"), tc.framing)
					}
					e.WantExchange(proxytest.Message{First: tc.answer}.Status(), "complete")
				}
			})
		}
	}
}

// TestClientsOfHTTP10 holds that they get what they can read, and that the
// connection tells them the end.
func TestClientsOfHTTP10(t *testing.T) {
	for _, tc := range []struct{ name, answer, want string }{
		{"chunks", proxytest.ChunkedHead + "5\nhello\n6;x=y\n world\n0\nX-Check: 1\n\n", "hello world"},
		{"known length", proxytest.FixedHead + "0123456789", "0123456789"},
		{"close-delimited", proxytest.OpenHead + "hello", "hello"},
	} {
		for _, keepAlive := range []string{"", "Connection: keep-alive\n"} {
			for _, leg := range proxytest.EveryLeg {
				t.Run(tc.name+", "+keepAlive+leg.Name, func(t *testing.T) {
					e := leg.Start(t, nil, func(up *proxytest.Peer) {
						if m := up.Request(); !strings.HasSuffix(m.First, " HTTP/1.1") {
							t.Errorf("the request arrives as %q, want HTTP/1.1", m.First)
						}
						up.Send(tc.answer)
					})
					c := e.Dial()
					c.Send("GET / HTTP/1.0\n" + keepAlive + "\n")
					m := c.Head()
					body, end := c.Rest()
					if body != tc.want || end != proxytest.Orderly || m.Get("Transfer-Encoding") != "" || m.Get("Connection") != "close" {
						t.Errorf("answer %v, body %q, then %s, want %q and FIN", m.Fields, body, end, tc.want)
					}
					e.WantExchange(200, "complete")
				})
			}
		}
	}
}

// TestUpstreamsOfHTTP10 holds that their connection carries one exchange.
func TestUpstreamsOfHTTP10(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send("HTTP/1.0 200 OK\nContent-Length: 2\n\nok")
		up.Gone()
	}), nil)
	c := e.Dial()
	for range 2 {
		c.Send(proxytest.PlainGet)
		if m := c.Answer("GET"); m.Body != "ok" || m.First != "HTTP/1.1 200 OK" {
			t.Errorf("answer %v", m)
		}
		e.WantExchange(200, "complete")
	}
	e.WantMetric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`, 2)
}

// TestPipelinedRequestsKeepTheirCredentials holds that requests sent together are
// answered in order, each with its own key, by whoever it was for.
func TestPipelinedRequestsKeepTheirCredentials(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, nil, proxytest.EchoKey)
			c := e.Dial()
			all := ""
			for i := range 20 {
				all += fmt.Sprintf("POST /%d HTTP/1.1\nHost: edge\nAuthorization: Bearer key-%d\nContent-Length: %d\n\n%s", i, i, i, strings.Repeat("x", i))
			}
			c.Send(all)
			for i := range 20 {
				if m, want := c.Answer("POST"), fmt.Sprintf("/%d key-%d %d", i, i, i); m.Body != want {
					t.Errorf("answer %d is %q, want %q", i, m.Body, want)
				}
				e.WantExchange(200, "complete")
			}
		})
	}
}

// TestManyClientsAtOnceKeepTheirAnswers holds that none gets what is another's,
// while upstream connections pass from one to the other.
func TestManyClientsAtOnceKeepTheirAnswers(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			const clients, requests = 20, 15
			e := leg.Start(t, nil, proxytest.EchoKey)
			var all sync.WaitGroup
			for n := range clients {
				c := e.Dial()
				all.Go(func() {
					for i := range requests {
						m, err := c.TryAsk(fmt.Sprintf("POST /%d/%d HTTP/1.1\r\nHost: edge\r\napi-key: key-%d\r\nContent-Length: 3\r\n\r\nabc", n, i, n))
						if err != nil {
							t.Error(err)
							return
						}
						if want := fmt.Sprintf("/%d/%d key-%d 3", n, i, n); m.Body != want {
							t.Errorf("client %d gets %q, want %q", n, m.Body, want)
						}
					}
				})
			}
			all.Wait()
			for range clients * requests {
				e.WantExchange(200, "complete")
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
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.EchoKey), nil)
			c := e.Dial()
			c.Send(tc.request)
			m := c.Answer("POST")
			if m.Status() != tc.status || (m.Get("Connection") == "close") == tc.goesOn {
				t.Errorf("answer %q with Connection %q", m.First, m.Get("Connection"))
			}
			e.Exchange()
			if !tc.goesOn {
				c.WantEnd(proxytest.Orderly)
				return
			}
			c.Send("GET /next HTTP/1.1\nHost: edge\n\n")
			if m := c.Answer("GET"); m.Body != "/next  0" {
				t.Errorf("the next answer is %v", m)
			}
			e.Exchange()
		})
	}
}
