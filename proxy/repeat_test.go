package proxy_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestWhatMayRunTwiceIsSentAgain holds that a request which may run twice and has no
// body is sent once more, on a new connection, where one from the pool ends without a
// byte of an answer; and that nothing else is.
func TestWhatMayRunTwiceIsSentAgain(t *testing.T) {
	const body = "Content-Length: 5\n\nhello"
	for _, tc := range []struct {
		name, request string
		end           func(*proxytest.Peer) // of the first connection, behind the second request
		again         bool
		hint          string
	}{
		{"GET", "GET / HTTP/1.1\nHost: edge\n\n", nil, true, ""},
		{"HEAD", "HEAD / HTTP/1.1\nHost: edge\n\n", nil, true, ""},
		{"DELETE", "DELETE /x HTTP/1.1\nHost: edge\n\n", nil, true, ""},
		{"PUT with a body", "PUT / HTTP/1.1\nHost: edge\n" + body, nil, false, "true"},
		{"GET in chunks", "GET / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n0\n\n", nil, false, "true"},
		{"POST without a body", "POST / HTTP/1.1\nHost: edge\nContent-Length: 0\n\n", nil, false, "false"},
		{"PATCH", "PATCH / HTTP/1.1\nHost: edge\n" + body, nil, false, "false"},
		{"a method that nobody knows", "LIST / HTTP/1.1\nHost: edge\n\n", nil, false, "false"},
		{
			"GET behind the beginning of an answer", "GET / HTTP/1.1\nHost: edge\n\n",
			func(up *proxytest.Peer) { up.Send("HTTP/1.1 200 OK\n") }, false, "true",
		},
		{
			"GET behind an interim answer", "GET / HTTP/1.1\nHost: edge\n\n",
			func(up *proxytest.Peer) { up.Send("HTTP/1.1 103 Early Hints\n\n") }, false, "true",
		},
		{"GET in the course of a login", "GET / HTTP/1.1\nHost: edge\nAuthorization: NTLM TlRMTVNTUAAB\n\n", nil, false, "true"},
	} {
		for _, leg := range proxytest.EveryLeg {
			for _, way := range []string{proxytest.Orderly, proxytest.Cut, proxytest.Reset} {
				t.Run(tc.name+", "+leg.Name+", "+way, func(t *testing.T) {
					t.Parallel()
					next := proxytest.NoConnection
					if tc.again {
						next = func(up *proxytest.Peer) {
							if m := up.Request(); !strings.HasPrefix(tc.request, m.First[:strings.LastIndexByte(m.First, ' ')]) {
								t.Errorf("the upstream is sent %q", m.First)
							}
							up.Send("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
							up.Gone()
						}
					}
					e := leg.Start(t, nil, func(up *proxytest.Peer) {
						answerOnce(up, "one")
						up.Request()
						if tc.end != nil {
							tc.end(up)
						}
						ways[way](up)
					}, next)
					c := e.Dial()
					c.Send(proxytest.Request)
					c.Answer("POST")
					e.WantExchange(200, "complete")
					c.Send(tc.request)
					m := c.Head()
					if strings.Contains(m.First, " 103 ") {
						m = c.Head()
					}
					if m = c.Finish(m, strings.HasPrefix(tc.name, "HEAD")); tc.again {
						if m.Status() != 200 {
							t.Errorf("answer %q %s, want 200", m.First, m.Body)
						}
						e.WantExchange(200, "complete")
						return
					}
					proxytest.WantError(t, m, 502, "upstream_closed_early", tc.hint)
					e.WantExchange(502, "upstream_closed_early")
				})
			}
		}
	}
}

// TestNothingIsSentAThirdTime holds that a new connection which ends as well is the end.
func TestNothingIsSentAThirdTime(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t,
		func(up *proxytest.Peer) { answerOnce(up, "one"); up.Request() },
		func(up *proxytest.Peer) { up.Request() },
		proxytest.NoConnection), nil)
	c := e.Dial()
	c.Send(proxytest.PlainGet)
	c.Answer("GET")
	e.WantExchange(200, "complete")
	c.Send(proxytest.PlainGet)
	proxytest.WantError(t, c.Answer("GET"), 502, "upstream_closed_early", "true")
	e.WantExchange(502, "upstream_closed_early")
}
