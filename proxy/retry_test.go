package proxy_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// answerOnce answers one request with the text in a body of known length.
func answerOnce(up *proxytest.Peer, text string) {
	up.Request()
	up.Send("HTTP/1.1 200 OK\nContent-Length: " + strconv.Itoa(len(text)) + "\n\n" + text)
}

// TestADeadConnectionFromThePoolIsReplaced holds that the upstream may close idle
// connections as it likes: the next request goes out on a new one, once.
func TestADeadConnectionFromThePoolIsReplaced(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		for _, way := range []string{proxytest.Orderly, proxytest.Cut, proxytest.Reset} {
			t.Run(leg.Name+", upstream ends with "+way, func(t *testing.T) {
				t.Parallel()
				closed := make(chan struct{})
				e := leg.Start(t, nil,
					func(up *proxytest.Peer) {
						answerOnce(up, "one")
						<-closed
						ways[way](up)
						closed <- struct{}{}
					},
					func(up *proxytest.Peer) {
						answerOnce(up, "two")
						up.WantEnd(proxytest.Orderly) // at the end of the test: nothing came twice
					})
				c := e.Dial()
				c.Send(proxytest.Request)
				c.Answer("POST")
				closed <- struct{}{}
				<-closed
				if proxytest.NoticesLater {
					e.WantMetric(`apim_edge_upstream_connections{state="in_use",upstream="legacy"}`, 0)
					e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 0)
				}
				c.Send(proxytest.Request)
				if m := c.Answer("POST"); m.Body != "two" {
					t.Errorf("the second answer is %q, want two", m.Body)
				}
				e.WantExchange(200, "complete")
				e.WantExchange(200, "complete")
				e.WantMetric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`, 2)
			})
		}
	}
}

// TestAClosedIdleConnectionLeavesThePool holds that it does not stay open on the
// edge's side until somebody wants to use it.
func TestAClosedIdleConnectionLeavesThePool(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) { answerOnce(up, "ok") }), nil)
	e.Ask(proxytest.Request)
	e.WantExchange(200, "complete")
	e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 0)
	e.WantMetric(`apim_edge_upstream_connections{upstream="legacy"}`, 0)
}

// TestARequestOfWhichBytesWereSentIsNotSentAgain holds that no POST runs twice:
// the upstream may have begun to work, so the client is told not to repeat it.
func TestARequestOfWhichBytesWereSentIsNotSentAgain(t *testing.T) {
	for _, tc := range []struct {
		name     string
		upstream func(*proxytest.Peer)
	}{
		{"upstream reads the request", func(up *proxytest.Peer) { up.Request() }},
		{"upstream reads the head", func(up *proxytest.Peer) { up.Head() }},
		{"upstream reads one byte", func(up *proxytest.Peer) { up.Bytes(1) }},
		{"upstream begins an answer", func(up *proxytest.Peer) { up.Request(); up.Send("HTTP/1.1 200 OK\nContent") }},
		{"upstream begins with an interim answer", func(up *proxytest.Peer) { up.Request(); up.Send("HTTP/1.1 100 Continue\n\n") }},
	} {
		for _, used := range []bool{false, true} {
			for _, leg := range proxytest.EveryLeg {
				for _, way := range []string{proxytest.Orderly, proxytest.Cut, proxytest.Reset} {
					name := tc.name + ", " + leg.Name + ", then " + way
					if used {
						name += ", on a connection from the pool"
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						e := leg.Start(t, nil, func(up *proxytest.Peer) {
							if used {
								answerOnce(up, "one")
							}
							tc.upstream(up)
							ways[way](up)
						}, proxytest.NoConnection)
						c := e.Dial()
						if used {
							c.Send(proxytest.Request)
							c.Answer("POST")
							e.WantExchange(200, "complete")
						}
						c.Send(proxytest.Request)
						proxytest.WantError(t, c.Answer("POST"), 502, "upstream_closed_early", "false")
						e.WantExchange(502, "upstream_closed_early")
					})
				}
			}
		}
	}
}

// TestAnUnreachableUpstreamMayBeAskedAgain holds that the client is told that
// nothing was sent.
func TestAnUnreachableUpstreamMayBeAskedAgain(t *testing.T) {
	l := testkit.Listen(t)
	_ = l.Close() // nobody listens there now
	e := proxytest.StartEdge(t, "http://"+l.Addr().String(), nil)
	c := e.Dial()
	for range 2 { // and the client's connection goes on
		c.Send(proxytest.Request)
		m := c.Answer("POST")
		proxytest.WantError(t, m, 502, "upstream_connect_failed", "true")
		if !strings.Contains(m.Body, "nothing was sent") {
			t.Errorf("body %s, want it to say that nothing was sent", m.Body)
		}
		e.WantExchange(502, "upstream_connect_failed")
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
		{"behind a body of known length", "POST", proxytest.FixedHead + "0123456789", false},
		{"behind a chunked body", "POST", proxytest.ChunkedHead + "5\nhello\n0\n\n", false},
		{"behind a trailer", "POST", proxytest.ChunkedHead + "5\nhello\n0\nX-Check: 1\n\n", false},
		{"behind 204", "POST", "HTTP/1.1 204 No Content\n\n", false},
		{"behind 304", "GET", "HTTP/1.1 304 Not Modified\nContent-Length: 10\n\n", false},
		{"behind the answer to HEAD", "HEAD", proxytest.FixedHead, false},
		{"while the connection is idle", "POST", proxytest.FixedHead + "0123456789", true},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				idle := make(chan struct{})
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Request()
					if tc.later {
						up.Send(tc.answer)
						<-idle
						up.Send(stray)
						idle <- struct{}{}
					} else {
						up.Send(tc.answer + stray)
					}
					up.Gone() // the edge closes it
				}, func(up *proxytest.Peer) {
					answerOnce(up, "mine")
				})
				c := e.Dial()
				c.Send(tc.method + " / HTTP/1.1\nHost: edge\n\n")
				c.Answer(tc.method)
				e.WantExchange(proxytest.Message{First: tc.answer}.Status(), "complete")
				if tc.later {
					e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 1)
					idle <- struct{}{}
					<-idle
				}
				c.Send("GET / HTTP/1.1\nHost: edge\n\n")
				if m := c.Answer("GET"); m.Body != "mine" {
					t.Errorf("the next exchange was answered with %q, want mine", m.Body)
				}
				e.WantExchange(200, "complete")
				e.WantMetric(`apim_edge_upstream_connection_events_total{event="unasked",upstream="legacy"}`, 1)
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
	e := proxytest.StartEdge(t, proxytest.StartTLSUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Raw(first)
		<-time.After(30 * time.Millisecond) // the edge has taken it, and has so much less room
		length := record - len(first) - len("Content-Length: 12345\r\n\r\n")
		up.Raw("Content-Length: " + strconv.Itoa(length) + "\r\n\r\n" + strings.Repeat("x", length) + stray) // one record
		up.Gone()
	}, func(up *proxytest.Peer) { answerOnce(up, "mine") }), nil)
	c := e.Dial()
	c.Send(proxytest.PlainGet)
	c.Answer("GET")
	e.WantExchange(200, "complete")
	c.Send(proxytest.PlainGet)
	if m := c.Answer("GET"); m.Body != "mine" {
		t.Errorf("the next exchange was answered with %q %q, want mine", m.First, m.Body)
	}
	e.WantExchange(200, "complete")
}

// TestAnIdleConnectionMakesRoomForANewOne holds max_connections: what is idle for
// the sake of one loop's clients is closed for those of another, and not counted
// against them.
func TestAnIdleConnectionMakesRoomForANewOne(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, func(c *config.Config) {
				u := c.Upstreams["legacy"]
				u.MaxConnections = 1
				c.Upstreams["legacy"] = u
			}, proxytest.EchoKey)
			for range 6 { // the harness has two loops
				c := e.Dial()
				c.Send(proxytest.PlainGet)
				if m := c.Answer("GET"); m.Status() != 200 {
					t.Errorf("answer %q %s", m.First, m.Body)
				}
				e.WantExchange(200, "complete")
			}
			e.WantMetric(`apim_edge_upstream_connections{upstream="legacy"}`, 1)
		})
	}
}

// TestUpstreamsWordForHowLongItWaitsIsHeard holds that a Keep-Alive field ends the
// use of a connection in time, whatever stands around it, and does not reach the
// client (issue 15, B7).
func TestUpstreamsWordForHowLongItWaitsIsHeard(t *testing.T) {
	for _, tc := range []struct {
		field string
		conns float64 // for three exchanges
	}{
		{"Keep-Alive: timeout=0", 3},
		{"Connection: keep-alive\nKeep-Alive: timeout=5, max=0", 3},
		{"Keep-Alive: timeout=3600", 1},
		{"Keep-Alive: timeout=x", 1},
		{"X-Keep-Alive: timeout=0", 1},
	} {
		t.Run(tc.field, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				for {
					m, err := up.TryHead()
					if err != nil {
						return
					}
					up.Finish(m, false)
					up.Send("HTTP/1.1 103 Early Hints\nKeep-Alive: timeout=0\n\nHTTP/1.1 200 OK\nContent-Length: 2\n" + tc.field + "\n\nok")
				}
			}), nil)
			c := e.Dial() // one client is on one loop, which has one pool
			for range 3 {
				c.Send(proxytest.PlainGet)
				c.Head() // 103
				if m := c.Answer("GET"); m.Status() != 200 || m.Get("Keep-Alive") != "" {
					t.Errorf("answer %v", m)
				}
				e.WantExchange(200, "complete")
			}
			e.WantMetric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`, tc.conns)
		})
	}
}
