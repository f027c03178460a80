package front_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestEmptyLinesAreNoRequest holds that nobody is answered who has sent nothing but
// the line ends that some clients put behind a body (RFC 9112 section 2.2): the
// connection ends in its time, without a word and without an access line.
func TestEmptyLinesAreNoRequest(t *testing.T) {
	for _, tc := range []struct {
		name, lines string
		end         func(*edge)
	}{
		{"behind a body, until keep-alive ends", "\r\n", nil},
		{"behind a body, in two pieces", "\r|\n", nil},
		{"behind a body, the first half of one", "\r", nil},
		{"behind a body, four of them", "\r\n\r\n\r\n\r\n", nil},
		{"behind a body, until a drain", "\r\n", func(e *edge) { e.drain(patience) }},
		{"behind a body, half of one, until a drain", "\r", func(e *edge) { e.drain(patience) }},
	} {
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				e := leg.start(t, func(c *config.Config) {
					c.Timeouts.ClientHead = short
					if tc.end == nil {
						c.Timeouts.ClientKeepAlive = config.Duration{Duration: 4 * short.Duration}
					}
				}, echoKey)
				c := e.dial()
				c.send(plainGet)
				c.answer("GET")
				for piece := range strings.SplitSeq(tc.lines, "|") {
					c.raw(piece)
				}
				if tc.end != nil {
					tc.end(e)
					c.gone() // by RST where the drain came before the lines
				} else {
					c.wantEnd(orderly)
				}
				e.wantExchange(200, "complete") // and no other line
			})
		}
	}
	t.Run("before a first request", func(t *testing.T) {
		e := startEdge(t, startUpstream(t, noConnection), func(c *config.Config) { c.Timeouts.ClientHead = short })
		c := e.dial()
		c.raw("\r\n")
		c.wantEnd(orderly)
	})
	t.Run("a request behind them is served", func(t *testing.T) {
		e := startEdge(t, startUpstream(t, echoKey), nil)
		c := e.dial()
		for _, lines := range []string{"\r\n", "\r\n\r\n\r\n\r\n", ""} {
			c.raw(lines)
			c.send(plainGet)
			c.answer("GET")
		}
		c.raw("\r\n\r\n\r\n\r\n\r\n" + crlf(plainGet))
		wantError(t, c.answer("GET"), 400, "request_malformed", "false")
	})
}
