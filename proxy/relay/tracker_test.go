package relay

import (
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// follow feeds body to a tracker in pieces as cut says, and returns what passed.
func follow(body []byte, length int64, cut func(left int) int) (passed []byte, data []byte, tr *Tracker, err error) {
	tr = &Tracker{}
	tr.Begin(length, nil)
	tr.collect = &data
	for len(body) > 0 && !tr.Done() && !tr.InTrailer() {
		n := cut(len(body))
		pass, err := tr.Scan(body[:n])
		if err != nil {
			return passed, data, tr, err
		}
		passed = append(passed, body[:pass]...)
		body = body[n:]
	}
	return passed, data, tr, nil
}

func whole(left int) int { return left }
func bytewise(int) int   { return 1 }

func TestTrackerFollowsChunks(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       error
		done       bool
		data       string
	}{
		{"one chunk and the last", "5\r\nhello\r\n0\r\n\r\n", nil, true, "hello"},
		{"hexadecimal in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", nil, true, "01234567890123456789"},
		{"an extension", "5;a=b\r\nhello\r\n0;x\r\n\r\n", nil, true, "hello"},
		{"white space behind the size", "5 \t\r\nhello\r\n0\r\n\r\n", nil, true, "hello"},
		{"cut between chunks", "5\r\nhello\r\n", nil, false, "hello"},
		{"cut inside a chunk", "5\r\nhel", nil, false, "hel"},
		{"no size", "\r\nhello", ErrChunkSize, false, ""},
		{"a sign", "+5\r\nhello\r\n", ErrChunkSize, false, ""},
		{"0x", "0x5\r\nhello\r\n", ErrChunkSize, false, ""},
		{"two numbers", "5 5\r\nhello\r\n", ErrChunkSize, false, ""},
		{"a bare LF behind the size", "5\nhello\r\n", ErrChunkSize, false, ""},
		{"a bare LF in an extension", "5;a\nhello\r\n", ErrChunkExt, false, ""},
		{"sixteen digits", "0000000000000005\r\nhello\r\n", ErrChunkSize, false, ""},
		{"more data than the size says", "5\r\nhelloX\r\n", ErrChunkEnd, false, "hello"},
		{"a bare LF behind the data", "5\r\nhello\n0\r\n\r\n", ErrChunkEnd, false, "hello"},
	} {
		for way, cut := range map[string]func(int) int{"whole": whole, "bytewise": bytewise} {
			t.Run(tc.name+", "+way, func(t *testing.T) {
				_, data, tr, err := follow([]byte(tc.body), Chunked, cut)
				done := tr.Done() || way == "bytewise" && tr.InTrailer()
				if err != tc.want || done != tc.done || string(data) != tc.data && err == nil {
					t.Errorf("%q: got data %q, done %v, error %v; want %q, %v, %v", tc.body, data, done, err, tc.data, tc.done, tc.want)
				}
			})
		}
	}
}

func TestTrackerHoldsTheLastChunkBackUntilTheTrailersAreThere(t *testing.T) {
	body := []byte("2\r\nhi\r\n0\r\nX-A: b\r\n")
	passed, _, tr, err := follow(body, Chunked, whole)
	if err != nil || !tr.InTrailer() || string(passed) != "2\r\nhi\r\n" {
		t.Errorf("got %q, in trailer %v, error %v; want the body without its last chunk", passed, tr.InTrailer(), err)
	}
}

func TestTrackerStopsAtTheEndOfTheBody(t *testing.T) {
	for _, tc := range []struct {
		name   string
		length int64
		body   string
		want   int
	}{
		{"known length", 5, "helloEXTRA", 5},
		{"no body", 0, "EXTRA", 0},
		{"chunked", Chunked, "1\r\nx\r\n0\r\n\r\nEXTRA", 11},
		{"until close", UntilClose, "hello", 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tr Tracker
			tr.Begin(tc.length, nil)
			if got, err := tr.Scan([]byte(tc.body)); got != tc.want || err != nil {
				t.Errorf("Scan(%q) = %d, %v; want %d", tc.body, got, err, tc.want)
			}
		})
	}
}

// FuzzTracker holds for any body and any way to cut it: what passes is a prefix
// of the body; every cut gives the same data, verdict and bytes; and what is
// accepted as complete is read alike by net/http's reader.
func FuzzTracker(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), uint8(3))
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"), uint8(1))
	f.Add([]byte("1 \r\nx\r\n00\r\n\r\nGET"), uint8(2))
	f.Fuzz(func(t *testing.T, body []byte, step uint8) {
		cut := func(left int) int { return min(left, int(step%16)+1) }
		passA, dataA, a, errA := follow(body, Chunked, whole)
		passB, dataB, b, errB := follow(body, Chunked, cut)
		if errA != errB || (errA == nil && !bytes.Equal(dataA, dataB)) {
			t.Fatalf("%q: whole gives %q, %v; in pieces of %d %q, %v", body, dataA, errA, step%16+1, dataB, errB)
		}
		if !bytes.HasPrefix(body, passA) || !bytes.HasPrefix(body, passB) {
			t.Fatalf("%q: passed %q and %q", body, passA, passB)
		}
		if a.Done() && !b.Done() && !b.InTrailer() {
			t.Fatalf("%q: complete as a whole, not in pieces", body)
		}
		if !a.Done() {
			return
		}
		std, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(passA)))
		if err != nil || !bytes.Equal(std, dataA) {
			t.Fatalf("%q: we read %q, net/http %q, %v", passA, dataA, std, err)
		}
	})
}

func TestEventsAreCountedInAnyPieces(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		count      int64
		final      bool
	}{
		{"chat completion", "data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n", 3, true},
		{"CRLF", "data: 1\r\n\r\ndata: [DONE]\r\n\r\n", 2, true},
		{"responses", "event: response.created\ndata: {}\n\nevent: response.completed\ndata: {}\n\n", 2, true},
		{"cut off", "data: 1\n\ndata: 2\n\n", 2, false},
		{"comments are no events", ": hi\n\n: ho\n\ndata: [DONE]\n\n", 1, true},
		{"incomplete event", "data: 1\n\ndata: [DONE]", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for step := 1; step <= len(tc.data); step++ {
				var e Events
				for rest := tc.data; rest != ""; {
					n := min(step, len(rest))
					e.Feed([]byte(rest[:n]))
					rest = rest[n:]
				}
				if e.Count != tc.count || e.Final != tc.final {
					t.Fatalf("in pieces of %d: %d events, final %v; want %d, %v", step, e.Count, e.Final, tc.count, tc.final)
				}
			}
		})
	}
}

func TestFilterTrailer(t *testing.T) {
	drop := func(name []byte) bool { return strings.EqualFold(string(name), "api-key") }
	for _, tc := range []struct{ name, held, want string }{
		{"a field passes", "0\r\nX-A: b\r\n\r\n", "0\r\nX-A: b\r\n\r\n"},
		{"a credential is dropped", "0\r\nApi-Key: b\r\nX-A: b\r\n\r\n", "0\r\nX-A: b\r\n\r\n"},
		{"no field", "0\r\n\r\n", "0\r\n\r\n"},
		{"a folded line is refused", "0\r\nX-A: b\r\n c\r\n\r\n", ""},
		{"a bare LF is refused", "0\r\nX-A: b\nc: d\r\n\r\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var section trailer
			got, _, err := section.collect([]byte(tc.held), drop)
			if errors.Is(err, wire.ErrWait) {
				t.Fatalf("%q is not complete", tc.held)
			}
			if tc.want == "" && err == nil || tc.want != "" && (err != nil || string(got) != tc.want) {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}
