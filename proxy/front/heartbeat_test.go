package front_test

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestHeartbeats holds that a silent stream gets comments, whole ones between
// whole events, and that no other answer does.
func TestHeartbeats(t *testing.T) {
	beating := func(c *config.Config) {
		c.Routes["api"] = config.Route{PathPrefix: "/", Heartbeat: short}
	}
	const event, comment = "data: 1\n\n", ":\n\n"
	t.Run("between events", func(t *testing.T) {
		for _, leg := range everyLeg {
			t.Run(leg.name, func(t *testing.T) {
				t.Parallel()
				more := make(chan struct{})
				e := leg.start(t, beating, func(up *peer) {
					up.request()
					up.send(streamHead)
					<-more
					up.raw("9\r\n" + event + "\r\n")
					<-more
					up.raw("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
					up.gone()
				})
				c := e.dial()
				c.send(request)
				c.head()
				for _, want := range []string{comment, comment} {
					c.wantChunk(want)
				}
				more <- struct{}{}
				c.wantEventually(event)
				c.wantEventually(comment)
				more <- struct{}{}
				c.wantEventually("data: [DONE]\n\n")
				if l := e.wantExchange(200, "complete"); l["events"] != float64(2) {
					t.Errorf("access line %v, want 2 events", l)
				}
			})
		}
	})
	for _, tc := range []struct{ name, head, first, rest string }{
		{"inside an event", streamHead, "8\r\ndata: 1\n\r\n", "1\r\n\n\r\n0\r\n\r\n"},
		{"inside a line", streamHead, "4\r\ndata\r\n", "5\r\n: 1\n\n\r\n0\r\n\r\n"},
		{"inside a chunk", streamHead, "9\r\ndata", ": 1\n\n\r\n0\r\n\r\n"},
		{"inside a chunk's size", streamHead, "9\r\n" + event + "\r\n1", "\r\n\n\r\n0\r\n\r\n"},
		{"in another type of answer", chunkedHead, "9\r\n" + event + "\r\n", "0\r\n\r\n"},
		{"in a compressed stream", "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nContent-Encoding: gzip\nTransfer-Encoding: chunked\n\n", "", "9\r\n" + event + "\r\n0\r\n\r\n"},
		{"in a stream of known length", "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nContent-Length: 18\n\n", event, event},
	} {
		t.Run("never "+tc.name, func(t *testing.T) {
			t.Parallel()
			e := startEdge(t, startUpstream(t, func(up *peer) {
				up.request()
				up.send(tc.head)
				up.raw(tc.first)
				<-time.After(3 * short.Duration)
				up.raw(tc.rest)
				up.gone()
			}), beating)
			c := e.dial()
			c.send(request)
			c.head()
			if got, want := c.bytes(len(tc.first+tc.rest)), tc.first+tc.rest; got != want {
				t.Errorf("body %q, want %q", got, want)
			}
			e.exchange()
		})
	}
	t.Run("before a byte-order mark", func(t *testing.T) {
		t.Parallel()
		more := make(chan struct{})
		e := startEdge(t, startUpstream(t, func(up *peer) {
			up.request()
			up.send(streamHead)
			<-more
			up.raw("c\r\n\ufeff" + event + "\r\n11\r\ndata: [DONE]\ufeff\n\n\r\n0\r\n\r\n")
			up.gone()
		}), beating)
		c := e.dial()
		c.send(request)
		c.head()
		c.wantChunk(comment)
		close(more)
		c.wantEventually(event) // the mark would be part of a field's name
		c.wantEventually("data: [DONE]\ufeff\n\n")
		e.wantExchange(200, "complete")
	})
	t.Run("stream_idle still ends the stream", func(t *testing.T) {
		t.Parallel()
		e := startEdge(t, startUpstream(t, func(up *peer) {
			up.request()
			up.send(streamHead)
			up.gone()
		}), func(c *config.Config) {
			beating(c)
			c.Timeouts.StreamIdle = config.Duration{Duration: 3 * short.Duration}
		})
		c := e.dial()
		c.send(request)
		c.head()
		if body, end := c.rest(); end != orderly || !strings.HasPrefix(body, "3\r\n:\n\n\r\n") {
			t.Errorf("body %q, then %s", body, end)
		}
		e.wantExchange(200, "stream_idle")
	})
}
