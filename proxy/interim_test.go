package proxy_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestInterimResponsesPass holds that 1xx is relayed at once and that the final
// answer follows it.
func TestInterimResponsesPass(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			seen := make(chan struct{})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Request()
				up.Send("HTTP/1.1 103 Early Hints\nLink: </a.css>; rel=preload\nConnection: X-Hop\nX-Hop: 1\nx-apim-edge-error: forged\n\n")
				<-seen // the client has it before there is more
				up.Send("HTTP/1.1 102 Processing\n\nHTTP/1.1 104 Upload Resumption Supported\n\n" + proxytest.FixedHead + "0123456789")
				up.Gone()
			})
			c := e.Dial()
			c.Send(proxytest.PlainGet)
			m := c.Head()
			if m.Status() != 103 || m.Get("Link") != "</a.css>; rel=preload" || len(m.Fields) != 1 {
				t.Errorf("the first interim answer is %q %v, want 103 with Link alone", m.First, m.Fields)
			}
			close(seen)
			if first, second := c.Head(), c.Head(); first.Status() != 102 || second.Status() != 104 {
				t.Errorf("then %q, %q, want 102, 104", first.First, second.First)
			}
			if m := c.Answer("GET"); m.Status() != 200 || m.Body != "0123456789" {
				t.Errorf("the final answer is %v", m)
			}
			e.WantExchange(200, "complete")
		})
	}
}

// TestInterimResponsesThatTheClientCannotExpectStayHere holds it for HTTP/1.0,
// which has none.
func TestInterimResponsesThatTheClientCannotExpectStayHere(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send("HTTP/1.1 103 Early Hints\n\n" + proxytest.FixedHead + "0123456789")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send("GET / HTTP/1.0\n\n")
	if m := c.Answer("GET"); m.Status() != 200 {
		t.Errorf("answer %q, want 200", m.First)
	}
	c.WantEnd(proxytest.Orderly)
	e.WantExchange(200, "complete")
}

// TestWhatAnUpstreamMayNotAnswer holds that it ends in 502 and that nothing of it
// reaches the client.
func TestWhatAnUpstreamMayNotAnswer(t *testing.T) {
	for _, tc := range []struct{ name, answer string }{
		{"101 that nobody asked for", proxytest.Switching},
		{"interim answers without end", strings.Repeat("HTTP/1.1 103 Early Hints\n\n", 101) + proxytest.FixedHead + "0123456789"},
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
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				_, _ = up.Write([]byte(proxytest.CRLF(tc.answer))) // the edge may close before it has read all
				up.Gone()
			}), nil)
			c := e.Dial()
			c.Send(proxytest.PlainGet)
			m := final(c)
			proxytest.WantError(t, m, 502, "upstream_invalid_response", "false")
			if strings.Contains(m.Body, "SSH") {
				t.Errorf("the body quotes the upstream: %s", m.Body)
			}
			e.WantExchange(502, "upstream_invalid_response")
			c.Send(proxytest.PlainGet) // and the client's connection goes on
			c.Head()
			e.Exchange()
		})
	}
}

// final reads the final answer; interim ones may come before it.
func final(c *proxytest.Peer) proxytest.Message {
	for {
		if m := c.Head(); m.Status() >= 200 {
			return c.Finish(m, false)
		}
	}
}

// TestInterimResponsesThatNobodyReadsDoNotPileUp holds that they wait for room as a
// body does, and that the client which makes none is ended.
func TestInterimResponsesThatNobodyReadsDoNotPileUp(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			sent := make(chan int, 1)
			e := leg.Start(t, func(c *config.Config) { c.Timeouts.ClientWriteStall = short }, func(up *proxytest.Peer) {
				up.Request()
				_ = up.TCP.SetWriteBuffer(64 << 10)
				n := 0
				hint := proxytest.CRLF("HTTP/1.1 103 Early Hints\nLink: </" + strings.Repeat("x", 200<<10) + ">; rel=preload\n\n")
				for ; n < 99; n++ {
					if _, err := io.WriteString(up, hint); err != nil {
						break
					}
				}
				sent <- n
				up.Gone()
			})
			c := e.Dial()
			_ = c.TCP.SetReadBuffer(16 << 10)
			c.Send(proxytest.PlainGet)
			e.WantExchange(0, "client_stalled")
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
	all := proxytest.CRLF(strings.Repeat(hint, many) + proxytest.FixedHead + "0123456789")
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Raw(all)
		up.Gone()
	}), func(c *config.Config) { c.Timeouts.ResponseHead = config.Seconds(2) })
	c := e.Dial()
	_ = c.TCP.SetReadBuffer(16 << 10)
	c.Send(proxytest.PlainGet)
	<-time.After(5 * time.Second) // longer than response_head
	for i := range many {
		if m := c.Head(); m.Status() != 103 || len(m.Get("Link")) < 200<<10 {
			t.Fatalf("interim answer %d is %.20q with %d bytes", i, m.First, len(m.Get("Link")))
		}
	}
	if m := c.Answer("GET"); m.Status() != 200 || m.Body != "0123456789" {
		t.Errorf("the final answer is %v", m)
	}
	e.WantExchange(200, "complete")
}
