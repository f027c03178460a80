package front_test

import (
	"net"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestADrainLetsExchangesFinish holds that a stream which runs gets its end, and
// its connection too, that idle ones end, and that nobody gets in any more.
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

// TestWhoWasNotToldIsWaitedForInADrain holds that a client which could not know is
// answered once more, and told then: the connection that it had was open, as far as it
// could see.
func TestWhoWasNotToldIsWaitedForInADrain(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			more := make(chan struct{})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Each(func(m proxytest.Message) {
					if m.First == "GET / HTTP/1.1" {
						up.Send(proxytest.FixedHead + "0123456789")
						return
					}
					up.Send(proxytest.ChunkedHead + "5\nhello\n")
					<-more
					up.Send("0\n\n")
				})
			})
			idle, fresh, busy := e.Dial(), e.Dial(), e.Dial()
			busy.Send(proxytest.Request)
			busy.Head() // without a word of the end
			idle.Send(proxytest.PlainGet)
			idle.Answer("GET")
			e.WantExchange(200, "complete")
			e.WantMetric("apim_edge_client_connections", 3)
			aborted := e.DrainIdle(time.Hour, time.Hour)
			close(more)
			busy.Bytes(15)
			e.WantExchange(200, "complete")
			for name, c := range map[string]*proxytest.Peer{"idle": idle, "fresh": fresh, "that had a stream": busy} {
				c.Send(proxytest.PlainGet)
				if m := c.Answer("GET"); m.Status() != 200 || m.Get("Connection") != "close" {
					t.Errorf("a client %s is answered with %q and Connection %q, want 200 and close", name, m.First, m.Get("Connection"))
				}
				c.WantEnd(proxytest.Orderly)
				_ = c.Close() // or the edge would linger
				e.WantExchange(200, "complete")
			}
			if n := <-aborted; n != 0 {
				t.Errorf("%d exchanges aborted, want none", n)
			}
		})
	}
}

// TestAnIdleConnectionOutlivesTheFirstPartOfADrain holds that failing readiness ends
// none, whatever wakes it: clients are told in their answers first.
func TestAnIdleConnectionOutlivesTheFirstPartOfADrain(t *testing.T) {
	e := proxytest.StartEdgeOn(t, 1, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Each(func(proxytest.Message) { up.Send(proxytest.FixedHead + "0123456789") })
	}), nil)
	c := e.Dial()
	c.Send(proxytest.PlainGet)
	c.Answer("GET")
	e.WantExchange(200, "complete")
	e.Edge.Drain()    // as a service does that still accepts, for drain_delay
	c.Raw("\r\n")     // which wakes it, and asks for nothing
	other := e.Dial() // on the same loop, which has read the line before it has this answer
	other.Send(proxytest.PlainGet)
	other.Answer("GET")
	other.WantEnd(proxytest.Orderly)
	_ = other.Close() // or the edge would linger
	e.WantExchange(200, "complete")
	c.Send(proxytest.PlainGet)
	if m := c.Answer("GET"); m.Status() != 200 || m.Get("Connection") != "close" {
		t.Errorf("the next answer is %q with Connection %q, want 200 and close", m.First, m.Get("Connection"))
	}
	c.WantEnd(proxytest.Orderly)
	_ = c.Close()
	e.WantExchange(200, "complete")
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
				if n := e.Front.Drain(proxytest.LastCall, time.Millisecond); n != tc.counted {
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
