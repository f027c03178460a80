package client

import (
	"errors"
	"io"
	"net"
	"testing"
)

// served returns a connection on which the pieces arrive, each on its own.
func served(t *testing.T, pieces ...string) *Conn {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	go func() {
		for _, piece := range pieces {
			if _, err := io.WriteString(there, piece); err != nil {
				return
			}
		}
		there.Close()
	}()
	return &Conn{Conn: here, buffer: make([]byte, 4<<10)}
}

func everyByte(text string) []string {
	pieces := make([]string, len(text))
	for i := range text {
		pieces[i] = text[i : i+1]
	}
	return pieces
}

const (
	fixedHead   = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
)

func TestFinishKnowsWhereAResponseEnds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		pieces []string
		length int64
		err    error
	}{
		{"fixed length in one piece", []string{fixedHead + "hello"}, 5, nil},
		{"fixed length byte by byte", everyByte(fixedHead + "hello"), 5, nil},
		{"chunked in one piece", []string{chunkedHead + "5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n"}, 8, nil},
		{"chunked byte by byte with a trailer", everyByte(chunkedHead + "5\r\nhello\r\n0\r\nx: y\r\n\r\n"), 5, nil},
		{"an interim response first", []string{"HTTP/1.1 100 Continue\r\n\r\n" + fixedHead + "hello"}, 5, nil},
		{"until the connection closes", []string{"HTTP/1.1 200 OK\r\n\r\nhello"}, 5, io.EOF},
		{"a short fixed length is a cut", []string{fixedHead + "hel"}, 3, ErrCut},
		{"no last chunk is a cut", []string{chunkedHead + "5\r\nhello\r\n"}, 5, ErrCut},
		{"another status than 200 is an error", []string{"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno"}, 2, StatusError{502, ""}},
		{"an error of the edge's own has its code", []string{"HTTP/1.1 503 Service Unavailable\r\nX-Apim-Edge-Error: edge_overloaded\r\nContent-Length: 2\r\n\r\nno"}, 2, StatusError{503, "edge_overloaded"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			length, err := served(t, tc.pieces...).Finish()
			if length != tc.length || !errors.Is(err, tc.err) {
				t.Errorf("Finish() = %d, %v; want %d, %v", length, err, tc.length, tc.err)
			}
		})
	}
}

func TestEventsAreFoundHoweverTheyArrive(t *testing.T) {
	first, second := `data: {"content":"t=0000000000000000017"}`+"\n\n", "data: [DONE]\n\n"
	for _, tc := range []struct {
		name   string
		pieces []string
		merged bool
	}{
		{"one chunk each, one read each", []string{chunkedHead, chunk(first), chunk(second), "0\r\n\r\n"}, false},
		{"merged in one read", []string{chunkedHead, chunk(first) + chunk(second), "0\r\n\r\n"}, true},
		{"merged in one chunk", []string{chunkedHead, chunk(first + second), "0\r\n\r\n"}, true},
		{"byte by byte", everyByte(chunkedHead + chunk(first) + chunk(second) + "0\r\n\r\n"), false},
		{"one event over two chunks", []string{chunkedHead, chunk(first[:20]), chunk(first[20:]), chunk(second), "0\r\n\r\n"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := served(t, tc.pieces...)
			if _, err := c.ReadHead(); err != nil {
				t.Fatal(err)
			}
			s := &Stream{conn: c}
			timed, err := s.Next()
			if err != nil || timed.SentAt != 17 {
				t.Fatalf("first event = %+v, %v; want SentAt 17", timed, err)
			}
			done, err := s.Next()
			if err != nil || !done.Done || done.SameRead != tc.merged {
				t.Fatalf("second event = %+v, %v; want Done, SameRead %v", done, err, tc.merged)
			}
			if _, err := s.Next(); err != io.EOF {
				t.Errorf("after the last event: %v, want io.EOF", err)
			}
		})
	}
}

func chunk(text string) string {
	const digits = "0123456789abcdef"
	return string(digits[len(text)/16]) + string(digits[len(text)%16]) + "\r\n" + text + "\r\n"
}
