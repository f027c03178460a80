package proxy_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// bytewise writes text in packets of one byte.
func bytewise(p *proxytest.Peer, text string) {
	p.T.Helper()
	text = proxytest.CRLF(text)
	for i := range len(text) {
		p.Raw(text[i : i+1])
	}
}

// TestAHeadMayComeByteByByte holds that a head is the same however it comes: behind
// empty lines, behind another request, behind interim answers, and with trailers.
func TestAHeadMayComeByteByByte(t *testing.T) {
	for _, leg := range []proxytest.Legs{proxytest.Plain, proxytest.TLSBoth} {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				for range 2 {
					if m := up.Request(); m.Get("X-A") != "b" || m.Get("X-Hop") != "" || strings.Join(m.Trailer, "|") != "X-T: u" {
						t.Errorf("the upstream got %v with trailers %q", m.Fields, m.Trailer)
					}
					bytewise(up, "HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 103 Early Hints\n\n"+
						"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: x-hop\nX-Hop: 1\n\n2\nhi\n0\nX-T: u\n\n")
				}
				up.Gone()
			})
			c := e.Dial()
			const one = "\n\nPOST / HTTP/1.1\nHost: edge\nConnection: x-hop\nX-Hop: 1\nX-A: b\nTransfer-Encoding: chunked\n\n1\nx\n0\nX-T: u\nAuthorization: a\n\n"
			bytewise(c, one+one)
			for range 2 {
				for _, want := range []int{103, 103, 200} {
					m := c.Head()
					if m.Status() != want || m.Get("X-Hop") != "" {
						t.Errorf("answer %q %v, want %d", m.First, m.Fields, want)
					}
					if want == 200 {
						if m = c.Finish(m, false); m.Body != "hi" || strings.Join(m.Trailer, "|") != "X-T: u" {
							t.Errorf("body %q, trailers %q", m.Body, m.Trailer)
						}
					}
				}
				e.WantExchange(200, "complete")
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
		{"too many empty lines", strings.Repeat("\r\n", 5) + proxytest.CRLF(proxytest.PlainGet), ""},
		{"fields of an answer", proxytest.CRLF(proxytest.PlainGet), "HTTP/1.1 200 OK\r\n" + fields},
		{"a line of an answer that ends with LF alone", proxytest.CRLF(proxytest.PlainGet), "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
		{"names in Connection of an answer", proxytest.CRLF(proxytest.PlainGet), "HTTP/1.1 200 OK\r\nConnection: a" + strings.Repeat(",a", 32) + "\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Raw(tc.answer)
				up.Gone()
			}), func(c *config.Config) { c.Timeouts.ClientHead = config.Duration{Duration: proxytest.Patience} })
			c := e.Dial()
			c.Raw(tc.request)
			if tc.answer == "" {
				proxytest.WantError(t, c.Answer("GET"), 400, "request_malformed", "false")
				e.WantExchange(400, "request_malformed")
				return
			}
			proxytest.WantError(t, c.Answer("GET"), 502, "upstream_invalid_response", "false")
			e.WantExchange(502, "upstream_invalid_response")
		})
	}
}

// TestAnOverlongRequestLineShowsItsOrigin holds that a page can read why its URL was
// refused, however much of the head comes at once.
func TestAnOverlongRequestLineShowsItsOrigin(t *testing.T) {
	for _, length := range []int{4 << 10, 5 << 10, 16 << 10, 17 << 10, 30 << 10} {
		for _, piece := range []int{1 << 20, 1500} {
			t.Run(strconv.Itoa(length)+" in pieces of "+strconv.Itoa(piece), func(t *testing.T) {
				e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
					small(c)
					c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
				})
				c := e.Dial()
				for rest := proxytest.CRLF("GET /" + strings.Repeat("x", length) + " HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n\n"); rest != ""; {
					n := min(piece, len(rest))
					if _, err := c.Write([]byte(rest[:n])); err != nil {
						break // it is refused already
					}
					rest = rest[n:]
				}
				m := c.Answer("GET")
				proxytest.WantError(t, m, 414, "uri_too_long", "false")
				wantReadable(t, m, length < 16<<10) // as much again is looked at, at least
				e.WantExchange(414, "uri_too_long")
			})
		}
	}
}
