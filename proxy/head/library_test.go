package head

import (
	"bufio"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// readByFasthttp reads a head as the library does for its users.
func readByFasthttp(head string) (*fasthttp.RequestHeader, error) {
	h := &fasthttp.RequestHeader{}
	return h, h.Read(bufio.NewReader(strings.NewReader(string(crlf(head)))))
}

// TestFasthttpStillAcceptsWhatWeRefuse calls the library alone: where it fails,
// the library has changed and our own check is no longer needed. docs/workarounds.md
// lists them.
func TestFasthttpStillAcceptsWhatWeRefuse(t *testing.T) {
	for _, tc := range []struct{ trap, head, workaround string }{
		{"both Content-Length and Transfer-Encoding", "POST / HTTP/1.1\nHost: edge\nContent-Length: 5\nTransfer-Encoding: chunked\n\n", "checkChunked in proxy/head/request.go"},
		{"a field name with a space", "GET / HTTP/1.1\nHost: edge\nX A: b\n\n", "scan in proxy/head/field.go"},
		{"a folded line", "GET / HTTP/1.1\nHost: edge\nX: a\n b\n\n", "scan in proxy/head/field.go"},
		{"a version that it does not speak", "GET / HTTP/2.0\nHost: edge\n\n", "parseLine in proxy/head/request.go"},
		{"userinfo in Host", "GET / HTTP/1.1\nHost: user:key@edge\n\n", "checkHost in proxy/head/request.go"},
		{"two ports in Host", "GET / HTTP/1.1\nHost: edge:80:81\n\n", "checkHost in proxy/head/request.go"},
	} {
		t.Run(tc.trap, func(t *testing.T) {
			if _, err := readByFasthttp(tc.head); err != nil {
				t.Errorf("fasthttp now refuses %s (%v): the workaround in %s can go, and its line in docs/workarounds.md", tc.trap, err, tc.workaround)
			}
			if new(Request).Parse(crlf(tc.head)) == nil {
				t.Errorf("%s is accepted: the workaround in %s does not work", tc.trap, tc.workaround)
			}
		})
	}
}

func TestFasthttpStillQuotesTheHeadInItsErrors(t *testing.T) {
	const secret = "c4n4ry"
	_, err := readByFasthttp("GET / HTTP/1.1\nHost: edge\nAuthorization: Bearer " + secret + "\x01\n\n")
	if err == nil || !strings.Contains(err.Error(), secret) {
		t.Errorf("fasthttp now keeps values out of its errors (%v): the workaround in agree in proxy/head/request.go can go, and its line in docs/workarounds.md", err)
	}
}

func TestFasthttpStillSpellsNamesItsOwnWay(t *testing.T) {
	h, err := readByFasthttp("GET / HTTP/1.1\nx-mine: a\nHost: edge\n\n")
	if err != nil {
		t.Fatal(err)
	}
	if out := string(h.Header()); strings.Contains(out, "x-mine: a") {
		t.Errorf("fasthttp now writes heads in the spelling of the client (%q): the workaround in proxy/head/forwarded.go can go, and its line in docs/workarounds.md", out)
	}
}
