package front_test

import (
	"strings"
	"sync"
	"testing"
)

// TestADepartureBehindTheFinalEventIsInOrder holds that a client that leaves a
// stream at the event that ends it has left a complete exchange: no cut and no
// cancel is counted, and the connection to the upstream is kept where the end of
// the message comes within a moment.
func TestADepartureBehindTheFinalEventIsInOrder(t *testing.T) {
	const final = "data: {}\n\ndata: [DONE]\n\n"
	for _, tc := range []struct {
		name string
		rest string // of the message, once the client has left
		kept bool
	}{
		{"the last chunk follows", "0\r\n\r\n", true},
		{"the last chunk follows in pieces", "0\r\nX-Check: 1\r\n|\r\n", true},
		{"a comment follows, and the last chunk", "3\r\n:\n\n\r\n0\r\n\r\n", true},
		{"more events follow, and the last chunk", "9\r\ndata: 1\n\n\r\n0\r\n\r\n", true},
		{"nothing follows", "", false},
		{"more follows than is worth reading", "80000\r\n" + strings.Repeat("x", 0x80000) + "\r\n0\r\n\r\n", false},
		{"what follows is malformed", "xyz\r\n", false},
		{"more than the message follows", "0\r\n\r\nHTTP/1.1 200 OK\r\n", false},
	} {
		for _, leg := range everyLeg {
			for _, way := range []string{orderly, cut, reset} {
				t.Run(tc.name+", "+leg.name+", client ends with "+way, func(t *testing.T) {
					t.Parallel()
					left := make(chan struct{})
					leave := sync.OnceFunc(func() { close(left) })
					e := leg.start(t, nil, func(up *peer) {
						up.request()
						up.send(streamHead)
						up.raw("18\r\n" + final + "\r\n")
						<-left
						for piece := range strings.SplitSeq(tc.rest, "|") {
							_, _ = up.Write([]byte(piece)) // where it is not kept, the edge may be gone
						}
						up.gone()
					})
					t.Cleanup(leave)                               // a test that fails is not to hold its upstream
					c, other, same := e.dial(), e.dial(), e.dial() // on two loops in turn
					c.send(request)
					c.head()
					c.bytes(4 + len(final) + 2)
					ways[way](c)
					same.send("GET\n\n") // its answer shows that their loop has seen c leave
					same.answer("GET")
					e.wantExchange(400, "request_malformed")
					_, _ = other.Close(), same.Close()
					leave()
					if l := e.wantExchange(200, "complete"); l["events"] != 2.0 {
						t.Errorf("%v events, want 2:\n%v", l["events"], l)
					}
					idle := 0.0
					if tc.kept {
						idle = 1
					}
					e.wantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, idle)
					e.wantMetric(`apim_edge_upstream_connections{state="open",upstream="legacy"}`, idle)
					e.wantMetric("apim_edge_client_connections", 0)
					e.wantMetric(`apim_edge_cancels_total{route="api"}`, 0)
					e.wantMetric(`apim_edge_cuts_total{cause="client_left",side="client"}`, 0)
				})
			}
		}
	}
}

// TestADepartureBeforeTheFinalEventIsNot holds that an event that was not sent, or
// is not the last one, makes no exchange complete.
func TestADepartureBeforeTheFinalEventIsNot(t *testing.T) {
	for _, tc := range []struct{ name, events string }{
		{"before it", "data: {}\n\n"},
		{"inside it", "data: {}\n\ndata: [DONE]\n"},
		{"behind one that follows it", "data: [DONE]\n\ndata: {}\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := startEdge(t, startUpstream(t, func(up *peer) {
				up.request()
				up.send(streamHead)
				up.raw("100\r\n" + tc.events)
				up.gone()
			}), nil)
			c := e.dial()
			c.send(request)
			c.head()
			c.bytes(5 + len(tc.events))
			_ = c.Close()
			e.wantExchange(200, "client_left")
			e.wantMetric(`apim_edge_cancels_total{route="api"}`, 1)
			e.wantMetric(`apim_edge_cuts_total{cause="client_left",side="client"}`, 1)
		})
	}
}

// TestADrainDoesNotCutWhatWasReadToItsEnd holds that the end of a drain does not
// make a cut of an exchange that only waits for its upstream's last words.
func TestADrainDoesNotCutWhatWasReadToItsEnd(t *testing.T) {
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send(streamHead)
		up.raw("e\r\ndata: [DONE]\n\n\r\n")
		up.gone()
	}), nil)
	e.aborts = true // the one that is left has had all
	c := e.dial()
	c.send(request)
	c.head()
	c.bytes(3 + 14 + 2)
	_ = c.Close()
	<-e.drain(0)
	e.wantExchange(200, "complete")
}
