package front_test

import (
	"net"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestADrainLetsExchangesFinish holds that a stream which runs gets its end, and
// its connection too, that idle ones end at once, and that nobody gets in any
// more.
func TestADrainLetsExchangesFinish(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			more := make(chan struct{})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				m := up.Request()
				if m.First == "GET / HTTP/1.1" {
					up.Send(proxytest.FixedHead + "0123456789")
					up.Gone()
					return
				}
				up.Send(proxytest.StreamHead + "5\nhello\n")
				<-more
				up.Send("5\nworld\n0\n\n")
				up.Gone()
			})
			idle, fresh, busy := e.Dial(), e.Dial(), e.Dial()
			busy.Send(proxytest.Request)
			busy.Head()
			busy.Bytes(10)
			idle.Send(proxytest.PlainGet)
			idle.Answer("GET")
			e.WantExchange(200, "complete")
			e.WantMetric("apim_edge_client_connections", 3)
			aborted := e.Drain(time.Hour)
			idle.WantEnd(proxytest.Orderly)
			if !leg.Client { // one that has not shaken hands yet is cut
				fresh.WantEnd(proxytest.Orderly)
			}
			_ = fresh.Close()
			proxytest.Eventually(t, func() bool {
				c, err := net.Dial("tcp", e.Address)
				if err == nil {
					_ = c.Close()
				}
				return err != nil
			}, func() string { return "the listener is still open" })
			close(more)
			if got := busy.Bytes(15); got != proxytest.CRLF("5\nworld\n0\n\n") {
				t.Errorf("the stream goes on with %q", got)
			}
			busy.WantEnd(proxytest.Orderly)
			if n := <-aborted; n != 0 {
				t.Errorf("%d exchanges aborted, want none", n)
			}
			e.WantExchange(200, "stream_incomplete")
		})
	}
}

// TestWhatIsLeftAtTheEndOfADrainIsAborted holds that it is, wherever it stands,
// visibly, and that it is counted.
func TestWhatIsLeftAtTheEndOfADrainIsAborted(t *testing.T) {
	for _, tc := range []struct {
		name     string
		request  string
		upstream func(*proxytest.Peer)
		client   func(*proxytest.Peer)
		status   int
		end      string // of the client's connection
		counted  int    // exchanges that Drain says it has aborted
		cut      bool   // counted as an answer that was cut
	}{
		{"before the answer", proxytest.Request, func(up *proxytest.Peer) { up.Request() }, func(*proxytest.Peer) {}, 0, proxytest.Reset, 1, false},
		{"in a stream", proxytest.Request, func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.StreamHead + "5\nhello\n") }, func(c *proxytest.Peer) { c.Head(); c.Bytes(10) }, 200, proxytest.Orderly, 1, true},
		{"in a body of known length", proxytest.Request, func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.FixedHead + "hello") }, func(c *proxytest.Peer) { c.Head(); c.Bytes(5) }, 200, proxytest.Reset, 1, true},
		{"in an upload", "POST / HTTP/1.1\nHost: edge\nContent-Length: 10\n\nhello", func(up *proxytest.Peer) { up.Head(); up.Bytes(5) }, func(*proxytest.Peer) {}, 0, proxytest.Reset, 1, false},
		{"in a tunnel", proxytest.Handshake, func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.Switching + "hello") }, func(c *proxytest.Peer) { c.Head(); c.Bytes(5) }, 101, proxytest.Reset, 1, true},
		{"in a request head", "POST / HTTP/1.1\nHost: ed", nil, func(*proxytest.Peer) {}, 0, proxytest.Reset, 0, false},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				e, c, gone := leg.Stand(t, tc.request, tc.upstream, tc.client)
				if n := e.Front.Drain(time.Millisecond); n != tc.counted {
					t.Errorf("%d exchanges aborted, want %d", n, tc.counted)
				}
				want := tc.end
				if leg.Client && want == proxytest.Orderly {
					want = proxytest.Cut
				}
				if text, end := c.Rest(); text != "" || end != want && tc.upstream != nil {
					t.Errorf("the connection ended with %q and %s, want %s", text, end, want)
				}
				if tc.upstream == nil {
					return
				}
				<-gone
				e.WantExchange(tc.status, "drain_aborted")
				if tc.cut {
					e.WantMetric(`apim_edge_cuts_total{cause="drain_aborted",side="edge"}`, 1)
				}
			})
		}
	}
}
