package proxy_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestARequestInThePipelineIsAnsweredDuringADrain holds that what a client had
// sent before it could know is not lost.
func TestARequestInThePipelineIsAnsweredDuringADrain(t *testing.T) {
	more := make(chan struct{})
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.ChunkedHead + "5\nhello\n")
		<-more
		up.Send("0\n\n")
		answerOnce(up, "second")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send(proxytest.Request + proxytest.PlainGet + proxytest.PlainGet)
	c.Head()
	c.Bytes(10)
	aborted := e.Drain(time.Hour)
	close(more)
	c.Bytes(5)
	if m := c.Answer("GET"); m.Body != "second" || m.Get("Connection") != "close" {
		t.Errorf("the next answer is %v, want the last one", m)
	}
	c.WantEnd(proxytest.Orderly)
	<-aborted
	e.WantExchange(200, "complete")
	e.WantExchange(200, "complete")
}

// TestTheLastAnswerReachesAClientThatHasSentMore holds that closing behind it is
// no reset, which would take with it what the client has not got yet.
func TestTheLastAnswerReachesAClientThatHasSentMore(t *testing.T) {
	const size = 60000
	for _, tc := range []struct {
		name, head string
		drain      bool
	}{
		{"in a drain", proxytest.FixedHead, true},
		{"when only the end of the connection ends it", "HTTP/1.1 200 OK\n\n", false},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				asked, more := make(chan struct{}), make(chan struct{})
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Request()
					close(asked)
					<-more
					up.Send(strings.Replace(tc.head, "10\n", strconv.Itoa(size)+"\n", 1))
					_, _ = up.Write(make([]byte, size))
				})
				c := e.Dial()
				_ = c.TCP.SetReadBuffer(4 << 10) // most of the answer stays in the edge's kernel
				c.Send(proxytest.PlainGet)
				<-asked
				c.Send(strings.Repeat(proxytest.Request, 2000))
				aborted := make(<-chan int)
				if tc.drain {
					aborted = e.Drain(time.Hour)
				}
				close(more)
				e.WantExchange(200, "complete")
				if m := c.Head(); len(c.Bytes(size)) != size {
					t.Errorf("answer %q", m.First)
				}
				c.WantEnd(proxytest.Orderly)
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
		{"upstream's", proxytest.PlainGet, proxytest.FixedHead + "0123456789", 200},
		{"an error of the edge", proxytest.PlainGet, "nonsense\n\n", 502},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked, more := make(chan struct{}), make(chan struct{})
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				close(asked)
				<-more
				up.Send(tc.answer)
				up.Gone()
			}), nil)
			c := e.Dial()
			c.Send(tc.request)
			<-asked
			aborted := e.Drain(time.Hour)
			close(more)
			if m := c.Answer("GET"); m.Status() != tc.status || m.Get("Connection") != "close" {
				t.Errorf("answer %q with Connection %q, want %d and close", m.First, m.Get("Connection"), tc.status)
			}
			c.WantEnd(proxytest.Orderly)
			_ = c.Close() // or the edge would linger
			<-aborted
			e.Exchange()
		})
	}
}

// TestARequestThatComesTooLate holds that one which begins when the drain is over
// is told to go elsewhere, where it can still be told.
func TestARequestThatComesTooLate(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), nil)
	c := e.Dial()
	c.Send("GET / HTTP/1.1\n")
	e.WantMetric("apim_edge_client_connections", 1)
	e.Edge.Drain()
	e.Edge.EndDrain()
	c.Send("Host: edge\n\n")
	m := c.Answer("GET")
	proxytest.WantError(t, m, 503, "edge_draining", "true")
	c.WantEnd(proxytest.Orderly)
	e.WantExchange(503, "edge_draining")
}
