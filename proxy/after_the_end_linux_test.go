//go:build !portable

// The loop of the portable twin may read an answer before it hears of a departure.

package proxy_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
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
		for _, leg := range proxytest.EveryLeg {
			for _, way := range []string{proxytest.Orderly, proxytest.Cut, proxytest.Reset} {
				t.Run(tc.name+", "+leg.Name+", client ends with "+way, func(t *testing.T) {
					t.Parallel()
					left := make(chan struct{})
					leave := sync.OnceFunc(func() { close(left) })
					e := leg.Start(t, nil, func(up *proxytest.Peer) {
						up.Request()
						up.Send(proxytest.StreamHead)
						up.Raw("18\r\n" + final + "\r\n")
						<-left
						for piece := range strings.SplitSeq(tc.rest, "|") {
							_, _ = up.Write([]byte(piece)) // where it is not kept, the edge may be gone
						}
						up.Gone()
					})
					t.Cleanup(leave)                               // a test that fails is not to hold its upstream
					c, other, same := e.Dial(), e.Dial(), e.Dial() // on two loops in turn
					c.Send(proxytest.Request)
					c.Head()
					c.Bytes(4 + len(final) + 2)
					ways[way](c)
					same.Send("GET\n\n") // its answer shows that their loop has seen c leave
					same.Answer("GET")
					e.WantExchange(400, "request_malformed")
					_, _ = other.Close(), same.Close()
					leave()
					if l := e.WantExchange(200, "complete"); l["events"] != 2.0 {
						t.Errorf("%v events, want 2:\n%v", l["events"], l)
					}
					idle := 0.0
					if tc.kept {
						idle = 1
					}
					e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, idle)
					e.WantMetric(`apim_edge_upstream_connections{state="in_use",upstream="legacy"}`, 0)
					e.WantMetric("apim_edge_client_connections", 0)
					e.WantMetric(`apim_edge_cancels_total{route="api"}`, 0)
					e.WantMetric(`apim_edge_cuts_total{cause="client_left",side="client"}`, 0)
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
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.StreamHead)
				up.Raw("100\r\n" + tc.events)
				up.Gone()
			}), nil)
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			c.Bytes(5 + len(tc.events))
			_ = c.Close()
			e.WantExchange(200, "client_left")
			e.WantMetric(`apim_edge_cancels_total{route="api"}`, 1)
			e.WantMetric(`apim_edge_cuts_total{cause="client_left",side="client"}`, 1)
		})
	}
}

// TestADrainDoesNotCutWhatWasReadToItsEnd holds that the end of a drain does not
// make a cut of an exchange that only waits for its upstream's last words.
func TestADrainDoesNotCutWhatWasReadToItsEnd(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.StreamHead)
		up.Raw("e\r\ndata: [DONE]\n\n\r\n")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send(proxytest.Request)
	c.Head()
	c.Bytes(3 + 14 + 2)
	_ = c.Close()
	<-e.Drain(0)
	e.WantExchange(200, "complete")
}
