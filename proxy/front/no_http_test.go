package front_test

import "testing"

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
		for _, leg := range everyLeg {
			t.Run(name+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				e := leg.start(t, nil, func(up *peer) {
					up.request()
					up.raw(answer)
					up.gone()
				})
				wantError(t, e.ask(request), 502, "upstream_invalid_response", "false")
				e.wantExchange(502, "upstream_invalid_response")
			})
		}
	}
}
