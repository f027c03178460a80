package front_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

// bytewise writes text in packets of one byte.
func (p *peer) bytewise(text string) {
	p.t.Helper()
	text = crlf(text)
	for i := range len(text) {
		p.raw(text[i : i+1])
	}
}

// TestAHeadMayComeByteByByte holds that a head is the same however it comes: behind
// empty lines, behind another request, behind interim answers, and with trailers.
func TestAHeadMayComeByteByByte(t *testing.T) {
	for _, leg := range []legs{everyLeg[0], everyLeg[3]} {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, nil, func(up *peer) {
				for range 2 {
					if m := up.request(); m.get("X-A") != "b" || m.get("X-Hop") != "" || strings.Join(m.trailer, "|") != "X-T: u" {
						t.Errorf("the upstream got %v with trailers %q", m.fields, m.trailer)
					}
					up.bytewise("HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 103 Early Hints\n\n" +
						"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: x-hop\nX-Hop: 1\n\n2\nhi\n0\nX-T: u\n\n")
				}
				up.gone()
			})
			c := e.dial()
			const one = "\n\nPOST / HTTP/1.1\nHost: edge\nConnection: x-hop\nX-Hop: 1\nX-A: b\nTransfer-Encoding: chunked\n\n1\nx\n0\nX-T: u\nAuthorization: a\n\n"
			c.bytewise(one + one)
			for range 2 {
				for _, want := range []int{103, 103, 200} {
					m := c.head()
					if m.status() != want || m.get("X-Hop") != "" {
						t.Errorf("answer %q %v, want %d", m.first, m.fields, want)
					}
					if want == 200 {
						if m = c.finish(m, false); m.body != "hi" || strings.Join(m.trailer, "|") != "X-T: u" {
							t.Errorf("body %q, trailers %q", m.body, m.trailer)
						}
					}
				}
				e.wantExchange(200, "complete")
			}
		})
	}
}

// TestARefusedHeadIsNotAwaited holds that what more bytes cannot mend is answered
// while the head has no end, not when a bound of time has passed.
func TestARefusedHeadIsNotAwaited(t *testing.T) {
	fields := strings.Repeat("a:\r\n", 501)
	for _, tc := range []struct{ name, request, answer string }{
		{"fields of a request", "GET / HTTP/1.1\r\n" + fields, ""},
		{"a line of a request that ends with LF alone", "GET / HTTP/1.1\r\nHost: edge\n", ""},
		{"too many empty lines", strings.Repeat("\r\n", 5) + crlf(plainGet), ""},
		{"fields of an answer", crlf(plainGet), "HTTP/1.1 200 OK\r\n" + fields},
		{"a line of an answer that ends with LF alone", crlf(plainGet), "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
		{"names in Connection of an answer", crlf(plainGet), "HTTP/1.1 200 OK\r\nConnection: a" + strings.Repeat(",a", 32) + "\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := startEdge(t, startUpstream(t, func(up *peer) {
				up.request()
				up.raw(tc.answer)
				up.gone()
			}), func(c *config.Config) { c.Timeouts.ClientHead = config.Duration{Duration: patience} })
			c := e.dial()
			c.raw(tc.request)
			if tc.answer == "" {
				wantError(t, c.answer("GET"), 400, "request_malformed", "false")
				e.wantExchange(400, "request_malformed")
				return
			}
			wantError(t, c.answer("GET"), 502, "upstream_invalid_response", "false")
			e.wantExchange(502, "upstream_invalid_response")
		})
	}
}

// TestAnOverlongRequestLineShowsItsOrigin holds that a page can read why its URL was
// refused, however much of the head comes at once.
func TestAnOverlongRequestLineShowsItsOrigin(t *testing.T) {
	for _, length := range []int{4 << 10, 5 << 10, 16 << 10, 17 << 10, 30 << 10} {
		for _, piece := range []int{1 << 20, 1500} {
			t.Run(itoa(length)+" in pieces of "+itoa(piece), func(t *testing.T) {
				e := startEdge(t, startUpstream(t, noConnection), func(c *config.Config) {
					small(c)
					c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{page}}}
				})
				c := e.dial()
				for rest := crlf("GET /" + strings.Repeat("x", length) + " HTTP/1.1\nHost: edge\nOrigin: " + page + "\n\n"); rest != ""; {
					n := min(piece, len(rest))
					if _, err := c.Write([]byte(rest[:n])); err != nil {
						break // it is refused already
					}
					rest = rest[n:]
				}
				m := c.answer("GET")
				wantError(t, m, 414, "uri_too_long", "false")
				wantReadable(t, m, length < 16<<10) // as much again is looked at, at least
				e.wantExchange(414, "uri_too_long")
			})
		}
	}
}
