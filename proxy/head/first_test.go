package head

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
)

// TestAWholeHeadIsParsedAtOnceAsOneThatWasScanned holds that a head which comes as a whole,
// whatever stands behind it, is read as one whose end was looked for first; and that of one
// that is not whole, or that something is wrong with, nothing is read.
func TestAWholeHeadIsParsedAtOnceAsOneThatWasScanned(t *testing.T) {
	heads := [][]byte{sdkRequest, sdkResponse}
	for _, text := range []string{
		"GET / HTTP/1.1\nHost: e\n\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.0\n\n", "GET /%41 HTTP/1.1\nHost: e\nTrailer: a\n\n", "GET / HTTP/1.1\nHost: e\nA: \xff\n\n",
		"GET / HTTP/1.1\nHost: e\nHost: e\n\n", "GET / HTTP/1.1\nHost: e\nA b: c\n\n", "GET / HTTP/1.1\nHost: e\n A: b\n\n", "GET / HTTP/1.1\nHost: e\nA: \x01\n\n", "GET /../ HTTP/1.1\nHost: e\n\n",
		"HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\nContent-Length: x\n\n", "HTTP/1.1 200 OK\nA\n\n", "HTTP/1.1 20 OK\n\n",
	} {
		heads = append(heads, crlf(text))
	}
	for _, head := range heads {
		for _, behind := range []string{"", "\r", "{}", "\r\n\r\n", "GET / HTTP/1.1\r\n", ": x\r\n\r\n"} {
			if err := atOnce(head, []byte(behind)); err != nil {
				t.Errorf("%q behind %q: %v", behind, head, err)
			}
		}
		for n := range head {
			if a, b := new(Request).ParseFirst(head[:n]), new(Response).ParseFirst(head[:n]); a != 0 || b != 0 {
				t.Errorf("%q is read as a head of %d and %d bytes", head[:n], a, b)
			}
		}
	}
}

// atOnce says how a head with something behind it is read differently at once, as a request or
// as a response. head ends with its first empty line.
func atOnce(head, behind []byte) error {
	if headEnd(head) != len(head) {
		return nil
	}
	whole := append(bytes.Clone(head), behind...)
	var request, first Request
	err := request.Parse(bytes.Clone(head))
	n := first.ParseFirst(whole)
	request.Parser, first.Parser = nil, nil
	switch {
	case err != nil && (n != 0 || len(first.Fields) > 0 || first.Target != nil || first.Origin != nil):
		return fmt.Errorf("a request with a fault (%w) is read: %d bytes", err, n)
	case err == nil && (n != len(head) || !reflect.DeepEqual(request, first)):
		return fmt.Errorf("a request is read differently: %d bytes, %+v and %+v", n, first, request)
	}
	var response, answer Response
	err = response.Parse(bytes.Clone(head))
	n = answer.ParseFirst(whole)
	switch {
	case err != nil && (n != 0 || len(answer.fields) > 0 || answer.line != nil):
		return fmt.Errorf("a response with a fault (%w) is read: %d bytes", err, n)
	case err == nil && (n != len(head) || !reflect.DeepEqual(response, answer)):
		return fmt.Errorf("a response is read differently: %d bytes, %+v and %+v", n, answer, response)
	}
	return nil
}
