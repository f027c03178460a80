package proxy_test

import (
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestWhatIsNoHTTPIsRefusedAtOnce holds that nobody waits for response_head where the
// end of a head can never come.
func TestWhatIsNoHTTPIsRefusedAtOnce(t *testing.T) {
	for name, answer := range map[string]string{
		"an SSH banner":                    "SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/2":                           "\x00\x00\x12\x04\x00\x00\x00\x00\x00",
		"TLS":                              "\x15\x03\x01\x00\x02\x02\x16",
		"bytes without a line end":         "garbage",
		"line feeds":                       "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"a line that is no field":          "HTTP/1.1 200 OK\r\nno field\r\n",
		"garbage behind an interim answer": "HTTP/1.1 100 Continue\r\n\r\ngarbage",
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Request()
					up.Raw(answer)
					up.Gone()
				})
				proxytest.WantError(t, e.Ask(proxytest.Request), 502, "upstream_invalid_response", "false")
				e.WantExchange(502, "upstream_invalid_response")
			})
		}
	}
}
