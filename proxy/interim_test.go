package proxy_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

const plainGet = "GET / HTTP/1.1\nHost: edge\n\n"

// TestInterimResponsesPass holds that 1xx is relayed at once and that the final
// answer follows it.
func TestInterimResponsesPass(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			seen := make(chan struct{})
			e := leg.start(t, nil, func(up *peer) {
				up.request()
				up.send("HTTP/1.1 103 Early Hints\nLink: </a.css>; rel=preload\nConnection: X-Hop\nX-Hop: 1\nx-apim-edge-error: forged\n\n")
				<-seen // the client has it before there is more
				up.send("HTTP/1.1 102 Processing\n\nHTTP/1.1 104 Upload Resumption Supported\n\n" + fixedHead + "0123456789")
				up.gone()
			})
			c := e.dial()
			c.send(plainGet)
			m := c.head()
			if m.status() != 103 || m.get("Link") != "</a.css>; rel=preload" || len(m.fields) != 1 {
				t.Errorf("the first interim answer is %q %v, want 103 with Link alone", m.first, m.fields)
			}
			close(seen)
			if first, second := c.head(), c.head(); first.status() != 102 || second.status() != 104 {
				t.Errorf("then %q, %q, want 102, 104", first.first, second.first)
			}
			if m := c.answer("GET"); m.status() != 200 || m.body != "0123456789" {
				t.Errorf("the final answer is %v", m)
			}
			e.wantExchange(200, "complete")
		})
	}
}

// TestInterimResponsesThatTheClientCannotExpectStayHere holds it for HTTP/1.0,
// which has none.
func TestInterimResponsesThatTheClientCannotExpectStayHere(t *testing.T) {
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send("HTTP/1.1 103 Early Hints\n\n" + fixedHead + "0123456789")
		up.gone()
	}), nil)
	c := e.dial()
	c.send("GET / HTTP/1.0\n\n")
	if m := c.answer("GET"); m.status() != 200 {
		t.Errorf("answer %q, want 200", m.first)
	}
	c.wantEnd(orderly)
	e.wantExchange(200, "complete")
}

// TestWhatAnUpstreamMayNotAnswer holds that it ends in 502 and that nothing of it
// reaches the client.
func TestWhatAnUpstreamMayNotAnswer(t *testing.T) {
	for _, tc := range []struct{ name, answer string }{
		{"101 that nobody asked for", switching},
		{"interim answers without end", strings.Repeat("HTTP/1.1 103 Early Hints\n\n", 101) + fixedHead + "0123456789"},
		{"no HTTP", "SSH-2.0-OpenSSH\n\n"},
		{"HTTP/2", "HTTP/2 200 OK\n\n"},
		{"a status of two digits", "HTTP/1.1 20 OK\n\n"},
		{"two lengths", "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nx"},
		{"a length that is none", "HTTP/1.1 200 OK\nContent-Length: 1x\n\nx"},
		{"a length and a coding", "HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n\n0\n\n"},
		{"another coding", "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\n\nx"},
		{"a folded line", "HTTP/1.1 200 OK\nX: a\n b\n\n"},
		{"a name with a space", "HTTP/1.1 200 OK\nX a: b\n\n"},
		{"a control character", "HTTP/1.1 200 OK\nX: a\x00b\n\n"},
		{"a head without end", "HTTP/1.1 200 OK\nX: " + strings.Repeat("x", 257<<10)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := startEdge(t, startUpstream(t, func(up *peer) {
				up.request()
				_, _ = up.Write([]byte(crlf(tc.answer))) // the edge may close before it has read all
				up.gone()
			}), nil)
			c := e.dial()
			c.send(plainGet)
			m := final(c)
			wantError(t, m, 502, "upstream_invalid_response", "false")
			if strings.Contains(m.body, "SSH") {
				t.Errorf("the body quotes the upstream: %s", m.body)
			}
			e.wantExchange(502, "upstream_invalid_response")
			c.send(plainGet) // and the client's connection goes on
			c.head()
			e.exchange()
		})
	}
}

// final reads the final answer; interim ones may come before it.
func final(c *peer) message {
	for {
		if m := c.head(); m.status() >= 200 {
			return c.finish(m, false)
		}
	}
}

// TestInterimResponsesThatNobodyReadsDoNotPileUp holds that they wait for room as a
// body does, and that the client which makes none is ended.
func TestInterimResponsesThatNobodyReadsDoNotPileUp(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			sent := make(chan int, 1)
			e := leg.start(t, func(c *config.Config) { c.Timeouts.ClientWriteStall = short }, func(up *peer) {
				up.request()
				_ = up.tcp.SetWriteBuffer(64 << 10)
				n := 0
				hint := crlf("HTTP/1.1 103 Early Hints\nLink: </" + strings.Repeat("x", 200<<10) + ">; rel=preload\n\n")
				for ; n < 99; n++ {
					if _, err := io.WriteString(up, hint); err != nil {
						break
					}
				}
				sent <- n
				up.gone()
			})
			c := e.dial()
			_ = c.tcp.SetReadBuffer(16 << 10)
			c.send(plainGet)
			e.wantExchange(0, "client_stalled")
			if n := <-sent; n == 99 {
				t.Errorf("the edge took %d interim answers of 200 KiB for a client that reads none", n)
			}
		})
	}
}

// TestInterimResponsesWaitForASlowClient holds that all of them come when the
// client reads at last, and the answer behind them, and that the wait for the
// client is no wait for the upstream's head.
func TestInterimResponsesWaitForASlowClient(t *testing.T) {
	t.Parallel()
	const many = 40
	hint := "HTTP/1.1 103 Early Hints\nLink: </" + strings.Repeat("x", 200<<10) + ">; rel=preload\n\n"
	all := crlf(strings.Repeat(hint, many) + fixedHead + "0123456789")
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.raw(all)
		up.gone()
	}), func(c *config.Config) { c.Timeouts.ResponseHead = config.Seconds(2) })
	c := e.dial()
	_ = c.tcp.SetReadBuffer(16 << 10)
	c.send(plainGet)
	<-time.After(5 * time.Second) // longer than response_head
	for i := range many {
		if m := c.head(); m.status() != 103 || len(m.get("Link")) < 200<<10 {
			t.Fatalf("interim answer %d is %.20q with %d bytes", i, m.first, len(m.get("Link")))
		}
	}
	if m := c.answer("GET"); m.status() != 200 || m.body != "0123456789" {
		t.Errorf("the final answer is %v", m)
	}
	e.wantExchange(200, "complete")
}
