package head

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

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
		{"an IPv6 address and a port", "GET / HTTP/1.1\nHost: [::1]:80\n\n", ok},
		{"a port without a number", "GET / HTTP/1.1\nHost: edge:\n\n", ok},
		{"two ports", "GET / HTTP/1.1\nHost: edge:80:81\n\n", edgeerr.RequestMalformed},
		{"a port that is a name", "GET http://edge:http/ HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"brackets that are not closed", "GET / HTTP/1.1\nHost: [::1\n\n", edgeerr.RequestMalformed},
		{"brackets around a name", "GET / HTTP/1.1\nHost: [edge]\n\n", edgeerr.RequestMalformed},
		{"brackets inside a name", "GET / HTTP/1.1\nHost: a[::1]\n\n", edgeerr.RequestMalformed},
		{"text behind the brackets", "GET / HTTP/1.1\nHost: [::1]a\n\n", edgeerr.RequestMalformed},
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
		{"a trailer that none can be", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\nTrailer: Content-Length\n\n", edgeerr.RequestMalformed},
		{"a dot segment", "GET /a/../b HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"an encoded dot segment", "GET /a/%2e%2E/b HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"a dot segment between encoded slashes", "GET /a%2f..%2fb HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"a fragment", "GET /a#b HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
		{"a target that is no path", "GET a HTTP/1.1\nHost: edge\n\n", edgeerr.RequestMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r Request
			if got := edgeerr.CodeOf(r.Parse(crlf(tc.head))); got != tc.want {
				t.Errorf("parse(%q) = %v, want %v", tc.head, got, tc.want)
			}
		})
	}
}

// FuzzParseRequest holds that a head that is accepted has one reading: net/http
// and fasthttp read it as we do, and what it is rebuilt to from the parsed parts
// is accepted again and parsed alike.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\nHost: edge\n\n",
		"POST /x?y=%41 HTTP/1.1\nHost: edge:80\nContent-Length: 5\nX: \t a b \t\n\n",
		"POST http://edge HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nConnection: close, x\n\n",
		"GET https://[::1]:8443?a HTTP/1.0\nConnection: keep-alive\nCookie: a=b\nCookie: c\n\n",
	} {
		f.Add(crlf(seed))
	}
	f.Fuzz(func(t *testing.T, draft []byte) {
		head := fromDraft(draft)
		if err := atOnce(head, draft); err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		var a, b Request
		if a.Parse(head) != nil {
			return
		}
		if err := a.rebuilt(&b); err != nil {
			t.Fatalf("accepted %q but not its rebuilt form: %v", head, err)
		}
		if a.Length != b.Length || string(a.Path) != string(b.Path) || string(a.Query) != string(b.Query) ||
			string(a.Host) != string(b.Host) || a.Close != b.Close || len(a.Fields) != len(b.Fields) {
			t.Fatalf("%q is read differently when it is rebuilt", head)
		}
		if err := a.sameToNetHTTP(head); err != nil {
			t.Fatalf("%q is read differently by net/http: %v", head, err)
		}
		if err := a.sameToFasthttp(head); err != nil {
			t.Fatalf("%q is read differently by fasthttp: %v", head, err)
		}
	})
}

// rebuilt parses into b what a is written as.
func (a *Request) rebuilt(b *Request) error {
	again := append(append(append([]byte(nil), a.Method...), ' '), a.Target...)
	again = append(again, map[bool]string{false: " HTTP/1.1\r\n", true: " HTTP/1.0\r\n"}[a.HTTP10]...)
	for _, field := range a.Fields {
		again = appendField(again, field.Name, field.Value)
	}
	return b.Parse(append(again, "\r\n"...))
}

func (a *Request) sameToNetHTTP(head []byte) error {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return err
	}
	chunked := len(r.TransferEncoding) == 1 && r.TransferEncoding[0] == "chunked"
	switch {
	case r.Method != string(a.Method) || r.RequestURI != string(a.Target) || (r.ProtoMinor == 0) != a.HTTP10:
		return fmt.Errorf("request line %s %s %s", r.Method, r.RequestURI, r.Proto)
	case r.Host != string(a.Host):
		return fmt.Errorf("host %q, we read %q", r.Host, a.Host)
	case chunked != (a.Length == Chunked) || r.ContentLength != a.Length:
		return fmt.Errorf("length %d, coding %q, we read %d", r.ContentLength, r.TransferEncoding, a.Length)
	case r.Close && !a.Close:
		return fmt.Errorf("the connection ends, we read that it does not")
	case r.URL.RawQuery != string(a.Query):
		return fmt.Errorf("query %q, we read %q", r.URL.RawQuery, a.Query)
	}
	return a.sameFields(func(name string) []string { return r.Header.Values(name) })
}

func (a *Request) sameToFasthttp(head []byte) error {
	var h fasthttp.RequestHeader
	if err := h.Read(bufio.NewReaderSize(bytes.NewReader(head), len(head)+16)); err != nil {
		return err
	}
	const none = -2 // neither length nor coding
	if length := int64(h.ContentLength()); length != a.Length && (length != none || a.Length != 0) {
		return fmt.Errorf("length %d, we read %d", length, a.Length)
	}
	if h.ConnectionClose() && !a.Close {
		return fmt.Errorf("the connection ends, we read that it does not")
	}
	return a.sameFields(func(name string) (values []string) {
		for _, v := range h.PeekAll(name) {
			values = append(values, string(v))
		}
		if len(values) == 0 { // some fields it keeps apart, and does not tell empty from absent
			values = []string{""}
		}
		return values
	})
}

// sameFields compares the fields but those that a library keeps apart.
func (a *Request) sameFields(read func(name string) []string) error {
	for i, f := range a.Fields {
		var want []string
		for _, other := range a.Fields {
			if strings.EqualFold(string(f.Name), string(other.Name)) {
				want = append(want, string(other.Value))
			}
		}
		switch a.kinds[i] {
		case kHost, kContentLength, kTransferEncoding, kTrailer, kConnection:
			continue
		case kContentType, kUserAgent:
			want = want[len(want)-1:] // fasthttp keeps the last one, net/http all
		}
		if got := read(string(f.Name)); !slices.Equal(got[max(0, len(got)-len(want)):], want) && !strings.EqualFold(string(f.Name), "cookie") {
			return fmt.Errorf("%s: %q, we read %q", f.Name, got, want)
		}
	}
	return nil
}
