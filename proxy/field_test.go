package proxy

import (
	"bytes"
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

// TestInspectSeesEveryByte puts each byte at each place of values around the
// eight bytes that inspect looks at together.
func TestInspectSeesEveryByte(t *testing.T) {
	for length := 1; length <= 33; length++ {
		for at := range length {
			for c := range 256 {
				value := bytes.Repeat([]byte{'a'}, length)
				value[at] = byte(c)
				control, ascii := inspect(value)
				if want := c < 0x20 && c != '\t' || c == 0x7f; control != want || ascii != (c < 0x80) {
					t.Fatalf("%q: control %v, ascii %v", value, control, ascii)
				}
			}
		}
	}
}
