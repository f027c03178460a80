package head

import (
	"strings"
	"testing"
)

// earlyFault feeds p in pieces of step bytes, as long as no fault shows and the head
// is not complete, and returns how many bytes that took, and the fault.
func earlyFault(p string, step int) (int, error) {
	var s Scan
	for n := min(step, len(p)); ; n = min(n+step, len(p)) {
		if s.End([]byte(p[:n])) > 0 {
			return n, nil
		}
		if err := s.ResponseFault([]byte(p[:n])); err != nil || n == len(p) {
			return n, err
		}
	}
}

// TestWhatCanNeverBeAnAnswerIsKnownAtOnce holds it in pieces of any size: nothing of
// this has an empty line behind it that could be waited for.
func TestWhatCanNeverBeAnAnswerIsKnownAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		at         int // how many bytes it takes; 0: it is an answer so far
	}{
		{"an SSH banner", "SSH-2.0-OpenSSH_9.2", 1},
		{"SETTINGS of HTTP/2", "\x00\x00\x12\x04\x00\x00\x00\x00\x00", 1},
		{"the preface of HTTP/2", "PRI * HTTP/2.0", 1},
		{"an alert of TLS", "\x15\x03\x01\x00\x02\x02\x16", 1},
		{"an empty line", "\r\nHTTP/1.1 200 OK", 1},
		{"a body", "<html>", 1},
		{"HTTP of old", "HTTP/0.9", 6},
		{"HTTP to come", "HTTP/2 200", 6},
		{"a version of two digits", "HTTP/1.10 ", 9},
		{"a version that is not known", "HTTP/1.2", 8},
		{"ICY", "HTTP is down", 5},
		{"no status", "HTTP/1.1 OK", 10},
		{"a line feed alone", "HTTP/1.1 200 OK\n", 16},
		{"a status of four digits", "HTTP/1.1 2000 OK\r\n", 18},
		{"a control character in the reason", "HTTP/1.1 200 O\x00\r\n", 17},
		{"no field", "HTTP/1.1 200 OK\r\nno field\r\n", 27},
		{"a control character in a value", "HTTP/1.1 200 OK\r\nX: \x01\r\n", 23},
		{"a folded line", "HTTP/1.1 200 OK\r\nX: 1\r\n y\r\n", 27},
		{"half a version", "HTTP/1", 0},
		{"half a status", "HTTP/1.1 2", 0},
		{"half a field", "HTTP/1.0 200\r\nX-Check", 0},
		{"a field", "HTTP/1.1 200 OK\r\nX: 1\ty\r\n", 0},
		{"an answer", "HTTP/1.1 200 OK\r\nX:\r\n\r\n", 0},
	} {
		for step := 1; step <= len(tc.text); step++ {
			n, err := earlyFault(tc.text, step)
			if (err != nil) != (tc.at > 0) || tc.at > 0 && n != min((tc.at+step-1)/step*step, len(tc.text)) {
				t.Errorf("%s, in pieces of %d: %v after %d bytes, want a fault after %d", tc.name, step, err, n, tc.at)
			}
		}
	}
}

// FuzzResponseFault holds that no head which can be parsed is refused early, in
// whatever pieces it comes.
func FuzzResponseFault(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nX: \t y\r\n\r\n"), byte(3))
	f.Add([]byte("HTTP/1.0 204\r\n\r\n"), byte(1))
	f.Add([]byte("HTTP/1.1 103 "+strings.Repeat("x", 40)+"\r\nA:\r\n\r\n"), byte(7))
	f.Fuzz(func(t *testing.T, head []byte, step byte) {
		var whole Scan
		if n := whole.End(head); n == 0 || new(Response).Parse(head[:n]) != nil {
			return
		}
		if n, err := earlyFault(string(head), int(step%32)+1); err != nil {
			t.Errorf("%q, in pieces of %d: %v after %d bytes", head, step%32+1, err, n)
		}
	})
}
