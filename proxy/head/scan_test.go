package head

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// ends are texts that come close to the end of a head.
var ends = []string{
	"\r\n\r\n", "\n\r\n", "\r\r\n\r\n", "\n\r\n\r\n", "a\n\r\n\r\n", "a\r\n\n\r\n", "a\r\n\r\r\n\r\n", "a\n\n\r\n\r\nb\r\n\r\n",
	string(sdkRequest) + string(sdkRequest), string(sdkResponse) + "data\r\n\r\n",
}

// TestAHeadEndsAtItsFirstEmptyLine compares with a plain search, at every length:
// of what is there at once, and of what comes byte by byte.
func TestAHeadEndsAtItsFirstEmptyLine(t *testing.T) {
	for _, text := range ends {
		var bytewise Scan
		for n, over := 0, false; n <= len(text) && !over; n++ {
			want := 0
			if i := bytes.Index([]byte(text[:n]), []byte("\r\n\r\n")); i >= 0 {
				want, over = i+4, true
			}
			if got := headEnd([]byte(text[:n])); got != want {
				t.Errorf("%q: the head ends at %d, want %d", text[:n], got, want)
			}
			if got := bytewise.End([]byte(text[:n])); got != want {
				t.Errorf("%q byte by byte: the head ends at %d, want %d", text[:n], got, want)
			}
		}
	}
}

// TestAHeadIsLookedAtOnce puts empty lines in place of what has been looked at:
// whoever looks again finds an end that is none. Only what may be the first half
// of the end stays, and the first byte, which says whether this is HTTP at all.
func TestAHeadIsLookedAtOnce(t *testing.T) {
	for _, text := range append(ends, "GET / HTTP/1.1\r\n"+strings.Repeat("a:\r\n", maxFields-1)+"X: "+strings.Repeat("x", 5000)+"\r\n\r\n") {
		want := headEnd([]byte(text))
		if want == 0 {
			continue
		}
		for step := range 9 {
			var s Scan
			p := []byte(text)
			end := 0
			for n := step + 1; end == 0; n += step + 1 {
				n = min(n, len(p))
				if end = s.End(p[:n]); end == 0 && n == len(p) {
					t.Fatalf("%.40q in steps of %d: no end", text, step+1)
				}
				for i := 1; i < n-3; i++ {
					p[i] = "\r\n"[i%2]
				}
			}
			if end != want {
				t.Errorf("%.40q in steps of %d: the head ends at %d, want %d", text, step+1, end, want)
			}
			if s != (Scan{}) {
				t.Errorf("%.40q: %+v is left for the next head", text, s)
			}
		}
	}
}

// TestWhatCannotBecomeAHeadIsRefusedBeforeItsEnd holds for each where it is refused
// and not before.
func TestWhatCannotBecomeAHeadIsRefusedBeforeItsEnd(t *testing.T) {
	const first = "GET / HTTP/1.1\r\n"
	fields := strings.Repeat("a:\r\n", maxFields)
	for _, tc := range []struct {
		name, before, refused string
		want                  error
	}{
		{"a field too many", first + fields + "a:\r", "\n", errManyFlds},
		{"a bare LF", first + "a:", "\n", errBareLF},
		{"two LF", first + "a:\r\n", "\n", errBareLF},
		{"a bare LF at the start", "", "\n", errBareLF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s Scan
			p := []byte(tc.before + tc.refused)
			for n := range p {
				if s.End(p[:n]) != 0 || s.Fault() != nil {
					t.Fatalf("refused after %d of %d bytes: %v", n, len(p), s.Fault())
				}
			}
			if s.End(p) != 0 || !errors.Is(s.Fault(), tc.want) {
				t.Errorf("%v, want %v", s.Fault(), tc.want)
			}
		})
	}
	var r Request
	if err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: e\r\n" + fields[4:] + "\r\n")); err != nil {
		t.Errorf("%d fields are refused: %v", maxFields, err)
	}
}

func TestTheFirstByteTells(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       edgeerr.Code
	}{
		{"nothing", "", edgeerr.None},
		{"a method", "P", edgeerr.None},
		{"an empty line", "\r", edgeerr.None},
		{"a TLS handshake", "\x16\x03\x01", edgeerr.RequestMalformed},
		{"a space", " GET", edgeerr.RequestMalformed},
	} {
		if got := edgeerr.CodeOf(CheckPrefix(new(Scan), []byte(tc.text))); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
