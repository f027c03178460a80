package relay

import (
	"errors"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// TestATrailerIsLookedAtOnce gives sections byte by byte, and puts empty lines in
// place of what has been looked at: whoever looks again finds an end that is none.
// Only what may be the first half of the end stays.
func TestATrailerIsLookedAtOnce(t *testing.T) {
	for _, section := range []string{
		"0\r\nX-A: b\r\n\r\n", "\nX-A: b\r\n\r\n", "\n\r\n", "0;x=y\r\n\r\n", "0\r\na:\r\nb:\r\r\nc:\r\n\r\n",
		"0\r\n" + strings.Repeat("a:\r\n", 1000) + "\r\n",
	} {
		var tr trailer
		for i := range len(section) {
			end, complete := tr.add([]byte{section[i]})
			if last := i == len(section)-1; complete != last || last && end != len(section) {
				t.Fatalf("%.40q: after %d of %d bytes: end %d, complete %v", section, i+1, len(section), end, complete)
			}
			for j := tr.line + 2; j < len(tr.held)-3; j++ {
				tr.held[j] = "\r\n"[j%2]
			}
		}
	}
}

// TestATrailerThatComesInPiecesIsTheSame cuts sections in two, with what follows
// them, at each place.
func TestATrailerThatComesInPiecesIsTheSame(t *testing.T) {
	drop := func(name []byte) bool { return string(name) == "api-key" }
	const next = "HTTP/1.1 200 OK\r\n\r\n"
	for _, text := range []string{"0\r\napi-key: a\r\nX-A: b\r\n\r\n", "0\r\n\r\n", "\n\r\n", "\nX: \r\n\r\n"} {
		var whole trailer
		want, _, err := whole.collect([]byte(text), drop)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for cut := strings.IndexByte(text, '\n') + 1; cut < len(text); cut++ {
			var tr trailer
			if _, _, err := tr.collect([]byte(text[:cut]), drop); !errors.Is(err, wire.ErrWait) {
				t.Fatalf("%q: %v, want to wait for more", text[:cut], err)
			}
			got, excess, err := tr.collect([]byte(text[cut:]+next), drop)
			if err != nil || string(got) != string(want) || excess != len(next) {
				t.Errorf("%q cut at %d: got %q, %d bytes behind it, %v; want %q, %d", text, cut, got, excess, err, want, len(next))
			}
		}
	}
}

func TestATrailerOverTheLimitIsRefused(t *testing.T) {
	section := "0\r\nX: " + strings.Repeat("x", maxTrailer) + "\r\n\r\n"
	for _, size := range []int{1, 1000, len(section)} {
		var tr trailer
		err, at := error(wire.ErrWait), 0
		for ; errors.Is(err, wire.ErrWait) && at < len(section); at += size {
			_, _, err = tr.collect([]byte(section[at:min(at+size, len(section))]), nil)
		}
		if !errors.Is(err, ErrTrailer) || len(tr.held) > maxTrailer+size {
			t.Errorf("in pieces of %d bytes: %v with %d bytes held, want %v", size, err, len(tr.held), ErrTrailer)
		}
	}
}
