package proxy

import (
	"bytes"
	"slices"
	"testing"
)

// TestHeadEndFindsTheFirstEmptyLine compares with a plain search, at every length
// of texts that come close.
func TestHeadEndFindsTheFirstEmptyLine(t *testing.T) {
	for _, text := range []string{
		"\r\n\r\n", "\n\r\n", "\r\r\n\r\n", "\n\r\n\r\n", "a\n\r\n\r\n", "a\r\n\n\r\n", "a\r\n\r\r\n\r\n", "a\n\n\r\n\r\nb\r\n\r\n",
		string(sdkRequest) + string(sdkRequest), string(sdkResponse) + "data\r\n\r\n",
	} {
		for n := range len(text) + 1 {
			want := 0
			if i := bytes.Index([]byte(text[:n]), []byte("\r\n\r\n")); i >= 0 {
				want = i + 4
			}
			if got := headEnd([]byte(text[:n])); got != want {
				t.Errorf("%q: the head ends at %d, want %d", text[:n], got, want)
			}
		}
	}
}

// TestAValueEndsAtItsFirstControlCharacter puts each byte at each place of values
// around the eight bytes that are looked at together, alone and behind another one.
func TestAValueEndsAtItsFirstControlCharacter(t *testing.T) {
	for length := 1; length <= 25; length++ {
		for at := range length {
			for c := range 256 {
				for _, fill := range []byte{'a', '\t', 0xe4, 0x1f} {
					value := append(bytes.Repeat([]byte{'a'}, at), bytes.Repeat([]byte{fill}, length-at)...)
					value[at] = byte(c)
					want := slices.IndexFunc(value, func(c byte) bool { return c < 0x20 && c != '\t' || c == 0x7f })
					if want < 0 {
						want = length
					}
					got, ascii := untilControl(value)
					if wantASCII := !slices.ContainsFunc(value[:want], func(c byte) bool { return c >= 0x80 }); len(got) != want || ascii != wantASCII {
						t.Fatalf("%q: %q, ascii %v", value, got, ascii)
					}
				}
			}
		}
	}
}
