package proxy

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func TestParseRequest(t *testing.T) {
	const ok = edgeerr.None
	for _, tc := range []struct {
		name string
		head string
		want edgeerr.Code
	}{
		{"a plain request", "GET / HTTP/1.1\nHost: edge\n\n", ok},
		{"a body of known length", "POST /x HTTP/1.1\nHost: edge\nContent-Length: 5\n\n", ok},
		{"a chunked body", "POST /x HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n", ok},
		{"chunked in capitals", "POST /x HTTP/1.1\nHost: edge\nTransfer-Encoding: CHUNKED\n\n", ok},
		{"an absolute target", "GET http://edge/x?y HTTP/1.1\nHost: other\n\n", ok},
		{"an encoded slash in a segment", "GET /models/a%2Fb HTTP/1.1\nHost: edge\n\n", ok},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\n\n", ok},
		{"no Host", "GET / HTTP/1.1\n\n", edgeerr.RequestMalformed},
		{"two Hosts", "GET / HTTP/1.1\nHost: a\nHost: a\n\n", edgeerr.RequestMalformed},
		{"userinfo in the target", "GET http://user:key@edge/ HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"userinfo in Host", "GET / HTTP/1.1\nHost: user@edge\n\n", edgeerr.RequestMalformed},
		{"length and coding", "POST / HTTP/1.1\nHost: edge\nContent-Length: 5\nTransfer-Encoding: chunked\n\n", edgeerr.RequestMalformed},
		{"two lengths that differ", "POST / HTTP/1.1\nHost: edge\nContent-Length: 5\nContent-Length: 6\n\n", edgeerr.RequestMalformed},
		{"two lengths alike", "POST / HTTP/1.1\nHost: edge\nContent-Length: 5\nContent-Length: 5\n\n", edgeerr.RequestMalformed},
		{"a signed length", "POST / HTTP/1.1\nHost: edge\nContent-Length: +5\n\n", edgeerr.RequestMalformed},
		{"a list of lengths", "POST / HTTP/1.1\nHost: edge\nContent-Length: 5, 5\n\n", edgeerr.RequestMalformed},
		{"an unknown coding", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: xchunked\n\n", edgeerr.CodingNotSupported},
		{"two codings", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: gzip, chunked\n\n", edgeerr.CodingNotSupported},
		{"two coding fields", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\nTransfer-Encoding: identity\n\n", edgeerr.RequestMalformed},
		{"a coding in HTTP/1.0", "POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n", edgeerr.RequestMalformed},
		{"a space before the colon", "GET / HTTP/1.1\nHost: edge\nTransfer-Encoding : chunked\n\n", edgeerr.RequestMalformed},
		{"a space inside a name", "GET / HTTP/1.1\nHost: edge\nX A: b\n\n", edgeerr.RequestMalformed},
		{"a folded line", "GET / HTTP/1.1\nHost: edge\nX: a\n b\n\n", edgeerr.RequestMalformed},
		{"NUL in a value", "GET / HTTP/1.1\nHost: edge\nX: a\x00b\n\n", edgeerr.RequestMalformed},
		{"a bare CR in a value", "GET / HTTP/1.1\nHost: edge\nX: a\rb\n\n", edgeerr.RequestMalformed},
		{"DEL in a long value", "GET / HTTP/1.1\nHost: edge\nX: aaaaaaaaaaaaaaaa\x7f\n\n", edgeerr.RequestMalformed},
		{"a field without a name", "GET / HTTP/1.1\nHost: edge\n: b\n\n", edgeerr.RequestMalformed},
		{"two spaces in the request line", "GET  / HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"a tab in the request line", "GET\t/ HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"no version", "GET /\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"HTTP/1.2", "GET / HTTP/1.2\nHost: edge\n\n", edgeerr.VersionNotSupported},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\n\n", edgeerr.VersionNotSupported},
		{"lower-case protocol", "GET / http/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"CONNECT", "CONNECT edge:443 HTTP/1.1\nHost: edge\n\n", edgeerr.MethodNotAllowed},
		{"TRACE", "TRACE / HTTP/1.1\nHost: edge\n\n", edgeerr.MethodNotAllowed},
		{"an expectation that is unknown", "POST / HTTP/1.1\nHost: edge\nExpect: payment\nContent-Length: 1\n\n", edgeerr.ExpectationFailed},
		{"a dot segment", "GET /a/../b HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"an encoded dot segment", "GET /a/%2e%2E/b HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"a dot segment between encoded slashes", "GET /a%2f..%2fb HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"a fragment", "GET /a#b HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"a target that is no path", "GET a HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r request
			if got := edgeerr.CodeOf(r.parse(crlf(tc.head))); got != tc.want {
				t.Errorf("parse(%q) = %v, want %v", tc.head, got, tc.want)
			}
		})
	}
}

// FuzzParseRequest holds that a head that is accepted has one reading: what it is
// rebuilt to from the parsed parts is accepted again and parsed alike.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\nHost: edge\n\n",
		"POST /x?y=%41 HTTP/1.1\nHost: edge:80\nContent-Length: 5\nX: \t a b \t\n\n",
		"POST http://edge HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nConnection: close, x\n\n",
	} {
		f.Add(crlf(seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		if n := headEnd(head); n == 0 || n != len(head) {
			t.Skip()
		}
		var a, b request
		if a.parse(head) != nil {
			return
		}
		version := " HTTP/1.1\r\n"
		if a.http10 {
			version = " HTTP/1.0\r\n"
		}
		again := append([]byte(nil), a.method...)
		again = append(append(again, ' '), a.target...)
		again = append(again, version...)
		for _, field := range a.fields {
			again = appendField(again, field.Name, field.Value)
		}
		again = append(again, "\r\n"...)
		if err := b.parse(again); err != nil {
			t.Fatalf("accepted %q but not its rebuilt form %q: %v", head, again, err)
		}
		if a.length != b.length || string(a.path) != string(b.path) || string(a.query) != string(b.query) ||
			string(a.host) != string(b.host) || a.close != b.close || len(a.fields) != len(b.fields) {
			t.Fatalf("%q is read differently as %q", head, again)
		}
	})
}
