package proxy_test

import (
	"testing"
)

const (
	streamHead  = "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n"
	chunkedHead = "HTTP/1.1 200 OK\nContent-Type: application/json\nTransfer-Encoding: chunked\n\n"
	fixedHead   = "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 10\n\n"
	openHead    = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n" // close-delimited
)

// The ways in which a scripted upstream ends its connection.
var ways = map[string]func(*peer){
	orderly: func(p *peer) { _ = p.Close() }, // with close_notify where there is TLS
	cut:     (*peer).fin,
	reset:   (*peer).reset,
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
		{"chunked, behind the head", chunkedHead, "", "", orderly},
		{"chunked, between two chunks", chunkedHead, "5\nhello\n", "5\nhello\n", orderly},
		{"chunked, inside the size of a chunk", chunkedHead, "5\nhello\n1", "5\nhello\n1", orderly},
		{"chunked, inside the line end behind a size", chunkedHead, "5\nhello\n10\r", "5\nhello\n10\r", orderly},
		{"chunked, inside an extension", chunkedHead, "5;a=", "5;a=", orderly},
		{"chunked, inside data", chunkedHead, "5\nhel", "5\nhel", orderly},
		{"chunked, behind data", chunkedHead, "5\nhello", "5\nhello", orderly},
		{"chunked, behind the size of the last chunk", chunkedHead, "5\nhello\n0", "5\nhello\n0", orderly},
		{"chunked, behind the line of the last chunk", chunkedHead, "5\nhello\n0\n", "5\nhello\n", orderly},
		{"chunked, inside a trailer field", chunkedHead, "5\nhello\n0\nX-Check: 1", "5\nhello\n", orderly},
		{"chunked, behind a trailer field", chunkedHead, "5\nhello\n0\nX-Check: 1\n", "5\nhello\n", orderly},
		{"chunked, with a size that is none", chunkedHead, "xyz\n", "", orderly},
		{"chunked, with more data than its size", chunkedHead, "5\nhello!\n0\n\n", "", orderly},
		{"fixed length, behind the head", fixedHead, "", "", reset},
		{"fixed length, one byte short", fixedHead, "123456789", "123456789", reset},
	} {
		for _, leg := range everyLeg {
			for _, way := range []string{orderly, cut, reset} {
				t.Run(tc.name+", "+leg.name+", upstream ends with "+way, func(t *testing.T) {
					t.Parallel()
					got := make(chan struct{})
					e := leg.start(t, nil, func(up *peer) {
						up.request()
						up.send(tc.head + tc.body)
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
	for _, leg := range everyLeg {
		for _, way := range []string{orderly, cut, reset} {
			complete := way == orderly || way == cut && !leg.upstream
			t.Run(leg.name+", upstream ends with "+way, func(t *testing.T) {
				t.Parallel()
				got := make(chan struct{})
				e := leg.start(t, nil, func(up *peer) {
					up.request()
					up.send(openHead + "hello")
					<-got
					ways[way](up)
				})
				if !complete {
					wantCut(t, e, got, "hello", reset)
					return
				}
				c := e.dial()
				c.send(request)
				c.head()
				text := c.bytes(5)
				close(got)
				c.wantEnd(orderly)
				if text != "hello" {
					t.Errorf("body %q, want hello", text)
				}
				e.wantExchange(200, "complete")
			})
		}
	}
}

// wantCut asks and wants the head, at most the given text behind it, and the
// given end; got is closed when the text has come.
func wantCut(t *testing.T, e *edge, got chan struct{}, text, end string) {
	t.Helper()
	c := e.dial()
	c.send(request)
	if m := c.head(); m.status() != 200 {
		t.Fatalf("answer %q, want the upstream's 200", m.first)
	}
	want := crlf(text)
	if end == reset {
		// What is on its way when a reset comes may be lost, so it is awaited.
		if came := c.bytes(len(want)); came != want {
			t.Fatalf("body %q, want %q", came, want)
		}
		want = ""
	}
	close(got)
	came, ended := c.rest()
	if came != want {
		t.Errorf("body %q, want %q", came, want)
	}
	if e.secure != nil && end == orderly {
		end = cut // nor may a cut look like the end that TLS vouches for
	}
	if ended != end {
		t.Errorf("the connection ended with %s, want %s", ended, end)
	}
	e.wantExchange(200, "upstream_aborted")
	e.wantMetric(`apim_edge_cuts_total{cause="upstream_aborted",side="upstream"}`, 1)
}

// TestAClientOfHTTP10SeesACut holds it where the edge takes the chunks off: only
// a reset tells such a client that a body has not ended.
func TestAClientOfHTTP10SeesACut(t *testing.T) {
	got := make(chan struct{})
	e := legs{}.start(t, nil, func(up *peer) {
		up.request()
		up.send(chunkedHead + "5\nhello\n")
		<-got
	})
	c := e.dial()
	c.send("GET /stream HTTP/1.0\n\n")
	c.head()
	if text := c.bytes(5); text != "hello" {
		t.Errorf("body %q, want hello", text)
	}
	close(got)
	c.wantEnd(reset)
	e.wantExchange(200, "upstream_aborted")
}
