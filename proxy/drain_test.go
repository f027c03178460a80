package proxy_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestADrainLetsExchangesFinish holds that a stream which runs gets its end, and
// its connection too, that idle ones end at once, and that nobody gets in any
// more.
func TestADrainLetsExchangesFinish(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			more := make(chan struct{})
			e := leg.start(t, nil, func(up *peer) {
				m := up.request()
				if m.first == "GET / HTTP/1.1" {
					up.send(fixedHead + "0123456789")
					up.gone()
					return
				}
				up.send(streamHead + "5\nhello\n")
				<-more
				up.send("5\nworld\n0\n\n")
				up.gone()
			})
			idle, fresh, busy := e.dial(), e.dial(), e.dial()
			busy.send(request)
			busy.head()
			busy.bytes(10)
			idle.send(plainGet)
			idle.answer("GET")
			e.wantExchange(200, "complete")
			e.wantMetric("apim_edge_client_connections", 3)
			aborted := e.drain(time.Hour)
			idle.wantEnd(orderly)
			if !leg.client { // one that has not shaken hands yet is cut
				fresh.wantEnd(orderly)
			}
			_ = fresh.Close()
			eventually(t, func() bool {
				c, err := net.Dial("tcp", e.address)
				if err == nil {
					_ = c.Close()
				}
				return err != nil
			}, func() string { return "the listener is still open" })
			close(more)
			if got := busy.bytes(15); got != crlf("5\nworld\n0\n\n") {
				t.Errorf("the stream goes on with %q", got)
			}
			busy.wantEnd(orderly)
			if n := <-aborted; n != 0 {
				t.Errorf("%d exchanges aborted, want none", n)
			}
			e.wantExchange(200, "stream_incomplete")
		})
	}
}

// TestARequestInThePipelineIsAnsweredDuringADrain holds that what a client had
// sent before it could know is not lost.
func TestARequestInThePipelineIsAnsweredDuringADrain(t *testing.T) {
	more := make(chan struct{})
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send(chunkedHead + "5\nhello\n")
		<-more
		up.send("0\n\n")
		answerOnce(up, "second")
		up.gone()
	}), nil)
	c := e.dial()
	c.send(request + plainGet + plainGet)
	c.head()
	c.bytes(10)
	aborted := e.drain(time.Hour)
	close(more)
	c.bytes(5)
	if m := c.answer("GET"); m.body != "second" || m.get("Connection") != "close" {
		t.Errorf("the next answer is %v, want the last one", m)
	}
	c.wantEnd(orderly)
	<-aborted
	e.wantExchange(200, "complete")
	e.wantExchange(200, "complete")
}

// TestTheLastAnswerReachesAClientThatHasSentMore holds that closing behind it is
// no reset, which would take with it what the client has not got yet.
func TestTheLastAnswerReachesAClientThatHasSentMore(t *testing.T) {
	const size = 60000
	for _, tc := range []struct {
		name, head string
		drain      bool
	}{
		{"in a drain", fixedHead, true},
		{"when only the end of the connection ends it", "HTTP/1.1 200 OK\n\n", false},
	} {
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				asked, more := make(chan struct{}), make(chan struct{})
				e := leg.start(t, nil, func(up *peer) {
					up.request()
					close(asked)
					<-more
					up.send(strings.Replace(tc.head, "10\n", strconv.Itoa(size)+"\n", 1))
					_, _ = up.Write(make([]byte, size))
				})
				c := e.dial()
				_ = c.tcp.SetReadBuffer(4 << 10) // most of the answer stays in the edge's kernel
				c.send(plainGet)
				<-asked
				c.send(strings.Repeat(request, 2000))
				aborted := make(<-chan int)
				if tc.drain {
					aborted = e.drain(time.Hour)
				}
				close(more)
				e.wantExchange(200, "complete")
				if m := c.head(); len(c.bytes(size)) != size {
					t.Errorf("answer %q", m.first)
				}
				c.wantEnd(orderly)
				_ = c.Close()
				if tc.drain {
					<-aborted
				}
			})
		}
	}
}

// TestAnAnswerDuringADrainIsTheLast holds that the client is told so.
func TestAnAnswerDuringADrainIsTheLast(t *testing.T) {
	for _, tc := range []struct {
		name, request, answer string
		status                int
	}{
		{"upstream's", plainGet, fixedHead + "0123456789", 200},
		{"an error of the edge", plainGet, "nonsense\n\n", 502},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked, more := make(chan struct{}), make(chan struct{})
			e := startEdge(t, startUpstream(t, func(up *peer) {
				up.request()
				close(asked)
				<-more
				up.send(tc.answer)
				up.gone()
			}), nil)
			c := e.dial()
			c.send(tc.request)
			<-asked
			aborted := e.drain(time.Hour)
			close(more)
			if m := c.answer("GET"); m.status() != tc.status || m.get("Connection") != "close" {
				t.Errorf("answer %q with Connection %q, want %d and close", m.first, m.get("Connection"), tc.status)
			}
			c.wantEnd(orderly)
			_ = c.Close() // or the edge would linger
			<-aborted
			e.exchange()
		})
	}
}

// TestWhatIsLeftAtTheEndOfADrainIsAborted holds that it is, wherever it stands,
// visibly, and that it is counted.
func TestWhatIsLeftAtTheEndOfADrainIsAborted(t *testing.T) {
	for _, tc := range []struct {
		name     string
		request  string
		upstream func(*peer)
		client   func(*peer)
		status   int
		end      string // of the client's connection
		counted  int    // exchanges that Drain says it has aborted
		cut      bool   // counted as an answer that was cut
	}{
		{"before the answer", request, func(up *peer) { up.request() }, func(*peer) {}, 0, reset, 1, false},
		{"in a stream", request, func(up *peer) { up.request(); up.send(streamHead + "5\nhello\n") }, func(c *peer) { c.head(); c.bytes(10) }, 200, orderly, 1, true},
		{"in a body of known length", request, func(up *peer) { up.request(); up.send(fixedHead + "hello") }, func(c *peer) { c.head(); c.bytes(5) }, 200, reset, 1, true},
		{"in an upload", "POST / HTTP/1.1\nHost: edge\nContent-Length: 10\n\nhello", func(up *peer) { up.head(); up.bytes(5) }, func(*peer) {}, 0, reset, 1, false},
		{"in a tunnel", handshake, func(up *peer) { up.request(); up.send(switching + "hello") }, func(c *peer) { c.head(); c.bytes(5) }, 101, reset, 1, true},
		{"in a request head", "POST / HTTP/1.1\nHost: ed", nil, func(*peer) {}, 0, reset, 0, false},
	} {
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				silent, gone := make(chan struct{}), make(chan struct{})
				e := leg.start(t, nil, func(up *peer) {
					tc.upstream(up)
					close(silent)
					up.gone()
					close(gone)
				})
				c := e.dial()
				c.send(tc.request)
				tc.client(c)
				if tc.upstream != nil {
					<-silent
				} else {
					e.wantMetric("apim_edge_client_connections", 1)
				}
				if n := e.front.Drain(time.Millisecond); n != tc.counted {
					t.Errorf("%d exchanges aborted, want %d", n, tc.counted)
				}
				want := tc.end
				if leg.client && want == orderly {
					want = cut
				}
				if text, end := c.rest(); text != "" || end != want && tc.upstream != nil {
					t.Errorf("the connection ended with %q and %s, want %s", text, end, want)
				}
				if tc.upstream == nil {
					return
				}
				<-gone
				e.wantExchange(tc.status, "drain_aborted")
				if tc.cut {
					e.wantMetric(`apim_edge_cuts_total{cause="drain_aborted",side="edge"}`, 1)
				}
			})
		}
	}
}

// TestADrainDoesNotWaitForAHandshake holds it for clients that connect and say
// nothing where TLS is spoken.
func TestADrainDoesNotWaitForAHandshake(t *testing.T) {
	e := tlsClient.start(t, func(c *config.Config) { c.Timeouts.TLSHandshake = config.Duration{Duration: time.Hour} }, noConnection)
	e.secure = nil
	c := e.dial()
	e.wantMetric("apim_edge_client_connections", 1)
	e.front.Drain(time.Millisecond)
	c.gone()
}

// TestARequestThatComesTooLate holds that one which begins when the drain is over
// is told to go elsewhere, where it can still be told.
func TestARequestThatComesTooLate(t *testing.T) {
	e := startEdge(t, startUpstream(t, noConnection), nil)
	c := e.dial()
	c.send("GET / HTTP/1.1\n")
	e.wantMetric("apim_edge_client_connections", 1)
	e.edge.Drain()
	e.edge.EndDrain()
	c.send("Host: edge\n\n")
	m := c.answer("GET")
	wantError(t, m, 503, "edge_draining", "true")
	c.wantEnd(orderly)
	e.wantExchange(503, "edge_draining")
}
