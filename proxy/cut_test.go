package proxy_test

import (
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// The ways in which a scripted upstream ends its connection.
var ways = map[string]func(*proxytest.Peer){
	proxytest.Orderly: func(p *proxytest.Peer) { _ = p.Close() }, // with close_notify where there is TLS
	proxytest.Cut:     (*proxytest.Peer).Fin,
	proxytest.Reset:   (*proxytest.Peer).Reset,
}

// TestACutIsVisible holds that a body whose end never came looks like one to the
// client, whatever its framing, and that nothing is put behind what came.
func TestACutIsVisible(t *testing.T) {
	for _, tc := range []struct {
		name string
		head string
		body string // what the upstream sends of it; line ends become CRLF
		want string // what the client gets of it
		end  string // how its connection ends
	}{
		{"chunked, behind the head", proxytest.ChunkedHead, "", "", proxytest.Orderly},
		{"chunked, between two chunks", proxytest.ChunkedHead, "5\nhello\n", "5\nhello\n", proxytest.Orderly},
		{"chunked, inside the size of a chunk", proxytest.ChunkedHead, "5\nhello\n1", "5\nhello\n1", proxytest.Orderly},
		{"chunked, inside the line end behind a size", proxytest.ChunkedHead, "5\nhello\n10\r", "5\nhello\n10\r", proxytest.Orderly},
		{"chunked, inside an extension", proxytest.ChunkedHead, "5;a=", "5;a=", proxytest.Orderly},
		{"chunked, inside data", proxytest.ChunkedHead, "5\nhel", "5\nhel", proxytest.Orderly},
		{"chunked, behind data", proxytest.ChunkedHead, "5\nhello", "5\nhello", proxytest.Orderly},
		{"chunked, behind the size of the last chunk", proxytest.ChunkedHead, "5\nhello\n0", "5\nhello\n0", proxytest.Orderly},
		{"chunked, behind the line of the last chunk", proxytest.ChunkedHead, "5\nhello\n0\n", "5\nhello\n", proxytest.Orderly},
		{"chunked, inside a trailer field", proxytest.ChunkedHead, "5\nhello\n0\nX-Check: 1", "5\nhello\n", proxytest.Orderly},
		{"chunked, behind a trailer field", proxytest.ChunkedHead, "5\nhello\n0\nX-Check: 1\n", "5\nhello\n", proxytest.Orderly},
		{"chunked, with a size that is none", proxytest.ChunkedHead, "xyz\n", "", proxytest.Orderly},
		{"chunked, with more data than its size", proxytest.ChunkedHead, "5\nhello!\n0\n\n", "", proxytest.Orderly},
		{"fixed length, behind the head", proxytest.FixedHead, "", "", proxytest.Reset},
		{"fixed length, one byte short", proxytest.FixedHead, "123456789", "123456789", proxytest.Reset},
	} {
		for _, leg := range proxytest.EveryLeg {
			for _, way := range []string{proxytest.Orderly, proxytest.Cut, proxytest.Reset} {
				t.Run(tc.name+", "+leg.Name+", upstream ends with "+way, func(t *testing.T) {
					t.Parallel()
					got := make(chan struct{})
					e := leg.Start(t, nil, func(up *proxytest.Peer) {
						up.Request()
						up.Send(tc.head + tc.body)
						<-got // a reset throws away what has not been read
						ways[way](up)
					})
					wantCut(t, e, got, tc.want, tc.end)
				})
			}
		}
	}
}

// TestACloseDelimitedBodyIsCutUnlessItEndsInOrder holds what counts as the end
// of a body that has none of its own: FIN, and close_notify where there is TLS.
func TestACloseDelimitedBodyIsCutUnlessItEndsInOrder(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		for _, way := range []string{proxytest.Orderly, proxytest.Cut, proxytest.Reset} {
			complete := way == proxytest.Orderly || way == proxytest.Cut && !leg.Upstream
			t.Run(leg.Name+", upstream ends with "+way, func(t *testing.T) {
				t.Parallel()
				got := make(chan struct{})
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Request()
					up.Send(proxytest.OpenHead + "hello")
					<-got
					ways[way](up)
				})
				if !complete {
					wantCut(t, e, got, "hello", proxytest.Reset)
					return
				}
				c := e.Dial()
				c.Send(proxytest.Request)
				c.Head()
				text := c.Bytes(5)
				close(got)
				c.WantEnd(proxytest.Orderly)
				if text != "hello" {
					t.Errorf("body %q, want hello", text)
				}
				e.WantExchange(200, "complete")
			})
		}
	}
}

// wantCut asks and wants the head, at most the given text behind it, and the
// given end; got is closed when the text has come.
func wantCut(t *testing.T, e *proxytest.Edge, got chan struct{}, text, end string) {
	t.Helper()
	c := e.Dial()
	c.Send(proxytest.Request)
	if m := c.Head(); m.Status() != 200 {
		t.Fatalf("answer %q, want the upstream's 200", m.First)
	}
	want := proxytest.CRLF(text)
	if end == proxytest.Reset {
		// What is on its way when a reset comes may be lost, so it is awaited.
		if came := c.Bytes(len(want)); came != want {
			t.Fatalf("body %q, want %q", came, want)
		}
		want = ""
	}
	close(got)
	came, ended := c.Rest()
	if came != want {
		t.Errorf("body %q, want %q", came, want)
	}
	if e.Secure != nil && end == proxytest.Orderly {
		end = proxytest.Cut // nor may a cut look like the end that TLS vouches for
	}
	if ended != end {
		t.Errorf("the connection ended with %s, want %s", ended, end)
	}
	e.WantExchange(200, "upstream_aborted")
	e.WantMetric(`apim_edge_cuts_total{cause="upstream_aborted",side="upstream"}`, 1)
}

// TestAClientOfHTTP10SeesACut holds it where the edge takes the chunks off: only
// a reset tells such a client that a body has not ended.
func TestAClientOfHTTP10SeesACut(t *testing.T) {
	got := make(chan struct{})
	e := proxytest.Legs{}.Start(t, nil, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.ChunkedHead + "5\nhello\n")
		<-got
	})
	c := e.Dial()
	c.Send("GET /stream HTTP/1.0\n\n")
	c.Head()
	if text := c.Bytes(5); text != "hello" {
		t.Errorf("body %q, want hello", text)
	}
	close(got)
	c.WantEnd(proxytest.Reset)
	e.WantExchange(200, "upstream_aborted")
}
