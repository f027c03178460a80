package proxy_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// answerOnce answers one request with the text in a body of known length.
func answerOnce(up *peer, text string) {
	up.request()
	up.send("HTTP/1.1 200 OK\nContent-Length: " + strconv.Itoa(len(text)) + "\n\n" + text)
}

// noConnection is the script of a connection that must not be opened.
func noConnection(up *peer) { up.t.Error("one more connection to the upstream") }

// TestADeadConnectionFromThePoolIsReplaced holds that the upstream may close idle
// connections as it likes: the next request goes out on a new one, once.
func TestADeadConnectionFromThePoolIsReplaced(t *testing.T) {
	for _, leg := range everyLeg {
		for _, way := range []string{orderly, cut, reset} {
			t.Run(leg.name+", upstream ends with "+way, func(t *testing.T) {
				t.Parallel()
				closed := make(chan struct{})
				e := leg.start(t, nil,
					func(up *peer) {
						answerOnce(up, "one")
						<-closed
						ways[way](up)
						closed <- struct{}{}
					},
					func(up *peer) {
						answerOnce(up, "two")
						up.wantEnd(orderly) // at the end of the test: nothing came twice
					})
				c := e.dial()
				c.send(request)
				c.answer("POST")
				closed <- struct{}{}
				<-closed
				c.send(request)
				if m := c.answer("POST"); m.body != "two" {
					t.Errorf("the second answer is %q, want two", m.body)
				}
				e.wantExchange(200, "complete")
				e.wantExchange(200, "complete")
				e.wantMetric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`, 2)
			})
		}
	}
}

// TestAClosedIdleConnectionLeavesThePool holds that it does not stay open on the
// edge's side until somebody wants to use it.
func TestAClosedIdleConnectionLeavesThePool(t *testing.T) {
	e := startEdge(t, startUpstream(t, func(up *peer) { answerOnce(up, "ok") }), nil)
	e.ask(request)
	e.wantExchange(200, "complete")
	e.wantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 0)
	e.wantMetric(`apim_edge_upstream_connections{state="open",upstream="legacy"}`, 0)
}

// TestARequestOfWhichBytesWereSentIsNotSentAgain holds that no POST runs twice:
// the upstream may have begun to work, so the client is told not to repeat it.
func TestARequestOfWhichBytesWereSentIsNotSentAgain(t *testing.T) {
	for _, tc := range []struct {
		name     string
		upstream func(*peer)
	}{
		{"upstream reads the request", func(up *peer) { up.request() }},
		{"upstream reads the head", func(up *peer) { up.head() }},
		{"upstream reads one byte", func(up *peer) { up.bytes(1) }},
		{"upstream begins an answer", func(up *peer) { up.request(); up.send("HTTP/1.1 200 OK\nContent") }},
		{"upstream begins with an interim answer", func(up *peer) { up.request(); up.send("HTTP/1.1 100 Continue\n\n") }},
	} {
		for _, used := range []bool{false, true} {
			for _, leg := range everyLeg {
				for _, way := range []string{orderly, cut, reset} {
					name := tc.name + ", " + leg.name + ", then " + way
					if used {
						name += ", on a connection from the pool"
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						e := leg.start(t, nil, func(up *peer) {
							if used {
								answerOnce(up, "one")
							}
							tc.upstream(up)
							ways[way](up)
						}, noConnection)
						c := e.dial()
						if used {
							c.send(request)
							c.answer("POST")
							e.wantExchange(200, "complete")
						}
						c.send(request)
						wantError(t, c.answer("POST"), 502, "upstream_closed_early", "false")
						e.wantExchange(502, "upstream_closed_early")
					})
				}
			}
		}
	}
}

// TestAnUnreachableUpstreamMayBeAskedAgain holds that the client is told that
// nothing was sent.
func TestAnUnreachableUpstreamMayBeAskedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // nobody listens there now
	e := startEdge(t, "http://"+l.Addr().String(), nil)
	c := e.dial()
	for range 2 { // and the client's connection goes on
		c.send(request)
		m := c.answer("POST")
		wantError(t, m, 502, "upstream_connect_failed", "true")
		if !strings.Contains(m.body, "nothing was sent") {
			t.Errorf("body %s, want it to say that nothing was sent", m.body)
		}
		e.wantExchange(502, "upstream_connect_failed")
	}
}

// TestWhatNobodyAskedForReachesNobody holds that bytes which the upstream sends
// beyond an answer, at once or later, are not taken for the next one: that would
// hand one client's data to another.
func TestWhatNobodyAskedForReachesNobody(t *testing.T) {
	const stray = "HTTP/1.1 200 OK\nContent-Length: 6\n\nstray!"
	for _, tc := range []struct {
		name, method, answer string
		later                bool
	}{
		{"behind a body of known length", "POST", fixedHead + "0123456789", false},
		{"behind a chunked body", "POST", chunkedHead + "5\nhello\n0\n\n", false},
		{"behind a trailer", "POST", chunkedHead + "5\nhello\n0\nX-Check: 1\n\n", false},
		{"behind 204", "POST", "HTTP/1.1 204 No Content\n\n", false},
		{"behind 304", "GET", "HTTP/1.1 304 Not Modified\nContent-Length: 10\n\n", false},
		{"behind the answer to HEAD", "HEAD", fixedHead, false},
		{"while the connection is idle", "POST", fixedHead + "0123456789", true},
	} {
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				idle := make(chan struct{})
				e := leg.start(t, nil, func(up *peer) {
					up.request()
					if tc.later {
						up.send(tc.answer)
						<-idle
						up.send(stray)
						idle <- struct{}{}
					} else {
						up.send(tc.answer + stray)
					}
					up.gone() // the edge closes it
				}, func(up *peer) {
					answerOnce(up, "mine")
				})
				c := e.dial()
				c.send(tc.method + " / HTTP/1.1\nHost: edge\n\n")
				c.answer(tc.method)
				e.wantExchange(message{first: tc.answer}.status(), "complete")
				if tc.later {
					e.wantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 1)
					idle <- struct{}{}
					<-idle
				}
				c.send("GET / HTTP/1.1\nHost: edge\n\n")
				if m := c.answer("GET"); m.body != "mine" {
					t.Errorf("the next exchange was answered with %q, want mine", m.body)
				}
				e.wantExchange(200, "complete")
				e.wantMetric(`apim_edge_upstream_connection_events_total{event="unasked",upstream="legacy"}`, 1)
			})
		}
	}
}

// TestWhatTLSHoldsBackReachesNobody holds it for bytes that crypto/tls has
// decrypted with the end of an answer, and that nobody has read: the socket is
// silent then.
func TestWhatTLSHoldsBackReachesNobody(t *testing.T) {
	const first, stray = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n"
	const record = 16 << 10
	e := startEdge(t, startTLSUpstream(t, func(up *peer) {
		up.request()
		up.raw(first)
		<-time.After(30 * time.Millisecond) // the edge has taken it, and has so much less room
		length := record - len(first) - len("Content-Length: 12345\r\n\r\n")
		up.raw("Content-Length: " + strconv.Itoa(length) + "\r\n\r\n" + strings.Repeat("x", length) + stray) // one record
		up.gone()
	}, func(up *peer) { answerOnce(up, "mine") }), nil)
	c := e.dial()
	c.send(plainGet)
	c.answer("GET")
	e.wantExchange(200, "complete")
	c.send(plainGet)
	if m := c.answer("GET"); m.body != "mine" {
		t.Errorf("the next exchange was answered with %q %q, want mine", m.first, m.body)
	}
	e.wantExchange(200, "complete")
}

// TestAnIdleConnectionMakesRoomForANewOne holds max_connections: what is idle for
// the sake of one loop's clients is closed for those of another, and not counted
// against them.
func TestAnIdleConnectionMakesRoomForANewOne(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, func(c *config.Config) {
				u := c.Upstreams["legacy"]
				u.MaxConnections = 1
				c.Upstreams["legacy"] = u
			}, echoKey)
			for range 6 { // the harness has two loops
				c := e.dial()
				c.send(plainGet)
				if m := c.answer("GET"); m.status() != 200 {
					t.Errorf("answer %q %s", m.first, m.body)
				}
				e.wantExchange(200, "complete")
			}
			e.wantMetric(`apim_edge_upstream_connections{state="open",upstream="legacy"}`, 1)
		})
	}
}
