package proxy_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestEmptyLinesAreNoRequest holds that nobody is answered who has sent nothing but
// the line ends that some clients put behind a body (RFC 9112 section 2.2): the
// connection ends in its time, without a word and without an access line.
func TestEmptyLinesAreNoRequest(t *testing.T) {
	for _, tc := range []struct {
		name, lines string
		end         func(*proxytest.Edge)
	}{
		{"behind a body, until keep-alive ends", "\r\n", nil},
		{"behind a body, in two pieces", "\r|\n", nil},
		{"behind a body, the first half of one", "\r", nil},
		{"behind a body, four of them", "\r\n\r\n\r\n\r\n", nil},
		{"behind a body, until a drain", "\r\n", func(e *proxytest.Edge) { e.Drain(proxytest.Patience) }},
		{"behind a body, half of one, until a drain", "\r", func(e *proxytest.Edge) { e.Drain(proxytest.Patience) }},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				e := leg.Start(t, func(c *config.Config) {
					c.Timeouts.ClientHead = short
					if tc.end == nil {
						c.Timeouts.ClientKeepAlive = config.Duration{Duration: 4 * short.Duration}
					}
				}, proxytest.EchoKey)
				c := e.Dial()
				c.Send(proxytest.PlainGet)
				c.Answer("GET")
				for piece := range strings.SplitSeq(tc.lines, "|") {
					c.Raw(piece)
				}
				if tc.end != nil {
					tc.end(e)
					c.Gone() // by RST where the drain came before the lines
				} else {
					c.WantEnd(proxytest.Orderly)
				}
				e.WantExchange(200, "complete") // and no other line
			})
		}
	}
	t.Run("before a first request", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) { c.Timeouts.ClientHead = short })
		c := e.Dial()
		c.Raw("\r\n")
		c.WantEnd(proxytest.Orderly)
	})
	t.Run("a request behind them is served", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.EchoKey), nil)
		c := e.Dial()
		for _, lines := range []string{"\r\n", "\r\n\r\n\r\n\r\n", ""} {
			c.Raw(lines)
			c.Send(proxytest.PlainGet)
			c.Answer("GET")
		}
		c.Raw("\r\n\r\n\r\n\r\n\r\n" + proxytest.CRLF(proxytest.PlainGet))
		proxytest.WantError(t, c.Answer("GET"), 400, "request_malformed", "false")
	})
}
