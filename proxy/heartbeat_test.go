package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestHeartbeats holds that a silent stream gets comments, whole ones between
// whole events, and that no other answer does.
func TestHeartbeats(t *testing.T) {
	beating := func(c *config.Config) {
		c.Routes["api"] = config.Route{PathPrefix: "/", Heartbeat: short}
	}
	const event, comment = "data: 1\n\n", ":\n\n"
	t.Run("between events", func(t *testing.T) {
		for _, leg := range proxytest.EveryLeg {
			t.Run(leg.Name, func(t *testing.T) {
				t.Parallel()
				more := make(chan struct{})
				e := leg.Start(t, beating, func(up *proxytest.Peer) {
					up.Request()
					up.Send(proxytest.StreamHead)
					<-more
					up.Raw("9\r\n" + event + "\r\n")
					<-more
					up.Raw("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
					up.Gone()
				})
				c := e.Dial()
				c.Send(proxytest.Request)
				c.Head()
				for _, want := range []string{comment, comment} {
					wantChunk(c, want)
				}
				more <- struct{}{}
				wantEventually(c, event)
				wantEventually(c, comment)
				more <- struct{}{}
				wantEventually(c, "data: [DONE]\n\n")
				if l := e.WantExchange(200, "complete"); l["events"] != float64(2) {
					t.Errorf("access line %v, want 2 events", l)
				}
			})
		}
	})
	for _, tc := range []struct{ name, head, first, rest string }{
		{"inside an event", proxytest.StreamHead, "8\r\ndata: 1\n\r\n", "1\r\n\n\r\n0\r\n\r\n"},
		{"inside a line", proxytest.StreamHead, "4\r\ndata\r\n", "5\r\n: 1\n\n\r\n0\r\n\r\n"},
		{"inside a chunk", proxytest.StreamHead, "9\r\ndata", ": 1\n\n\r\n0\r\n\r\n"},
		{"inside a chunk's size", proxytest.StreamHead, "9\r\n" + event + "\r\n1", "\r\n\n\r\n0\r\n\r\n"},
		{"in another type of answer", proxytest.ChunkedHead, "9\r\n" + event + "\r\n", "0\r\n\r\n"},
		{"in a compressed stream", "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nContent-Encoding: gzip\nTransfer-Encoding: chunked\n\n", "", "9\r\n" + event + "\r\n0\r\n\r\n"},
		{"in a stream of known length", "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nContent-Length: 18\n\n", event, event},
	} {
		t.Run("never "+tc.name, func(t *testing.T) {
			t.Parallel()
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send(tc.head)
				up.Raw(tc.first)
				<-time.After(3 * short.Duration)
				up.Raw(tc.rest)
				up.Gone()
			}), beating)
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			if got, want := c.Bytes(len(tc.first+tc.rest)), tc.first+tc.rest; got != want {
				t.Errorf("body %q, want %q", got, want)
			}
			e.Exchange()
		})
	}
	t.Run("before a byte-order mark", func(t *testing.T) {
		t.Parallel()
		more := make(chan struct{})
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Request()
			up.Send(proxytest.StreamHead)
			<-more
			up.Raw("c\r\n\ufeff" + event + "\r\n11\r\ndata: [DONE]\ufeff\n\n\r\n0\r\n\r\n")
			up.Gone()
		}), beating)
		c := e.Dial()
		c.Send(proxytest.Request)
		c.Head()
		wantChunk(c, comment)
		close(more)
		wantEventually(c, event) // the mark would be part of a field's name
		wantEventually(c, "data: [DONE]\ufeff\n\n")
		e.WantExchange(200, "complete")
	})
	t.Run("stream_idle still ends the stream", func(t *testing.T) {
		t.Parallel()
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Request()
			up.Send(proxytest.StreamHead)
			up.Gone()
		}), func(c *config.Config) {
			beating(c)
			c.Timeouts.StreamIdle = config.Duration{Duration: 3 * short.Duration}
		})
		c := e.Dial()
		c.Send(proxytest.Request)
		c.Head()
		if body, end := c.Rest(); end != proxytest.Orderly || !strings.HasPrefix(body, "3\r\n:\n\n\r\n") {
			t.Errorf("body %q, then %s", body, end)
		}
		e.WantExchange(200, "stream_idle")
	})
}
