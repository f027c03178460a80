package record

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestFit(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
	}{
		{"nothing", "", ""},
		{"as long as may be", strings.Repeat("a", 20), strings.Repeat("a", 20)},
		{"longer", strings.Repeat("a", 21), strings.Repeat("a", 14) + " (cut)"},
		{"backslashes, of which each takes two", strings.Repeat(`\`, 11), strings.Repeat(`\`, 7) + " (cut)"},
		{"as many as may be", strings.Repeat(`"`, 10), strings.Repeat(`"`, 10)},
		{"control characters, of which each takes six", "\x00\x01\x02\x03", "\x00\x01 (cut)"},
		{"no UTF-8", "a\xff\xfe\xfd\xfcb", "a\xff\xfe (cut)"},
		{"no character is cut in two", "aéééééééééé", "aéééééé (cut)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(Fit([]byte(tc.text), 20)); got != tc.want {
				t.Errorf("Fit(%q, 20) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}

// FuzzFit holds that a text takes its limit in a line at most, and that only
// one that would take more is cut.
func FuzzFit(f *testing.F) {
	f.Add([]byte("a\\\"\x00\x7f\xff\xc3\xbc\xe2\x82"), uint8(30))
	f.Add([]byte("\u2028\ufffd\b\t\n"), uint8(40))
	f.Fuzz(func(t *testing.T, text []byte, limit uint8) {
		limit = max(limit, uint8(len(cutMark)))
		in := func(text []byte) int {
			var line strings.Builder
			log := zerolog.New(&line)
			log.Log().Bytes("x", text).Send()
			return len(strings.TrimSuffix(strings.TrimPrefix(line.String(), `{"x":"`), "\"}\n"))
		}
		got := Fit(text, int(limit))
		if in(got) > int(limit) {
			t.Errorf("Fit(%q, %d) = %q, of %d bytes in a line", text, limit, got, in(got))
		}
		if string(got) != string(text) && written(text) <= int(limit) {
			t.Errorf("Fit(%q, %d) = %q, but it takes %d bytes in a line", text, limit, got, in(text))
		}
	})
}

// TestWhatIsSurelyPlainIsOneByteEach puts each byte at each place of texts of each length. It
// also holds that what is usual is found to be plain: else it would be looked at twice.
func TestWhatIsSurelyPlainIsOneByteEach(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				for _, beside := range []byte{'a', '!', ' ', '~', '#', '['} {
					text := bytes.Repeat([]byte{beside}, size)
					text[at] = byte(c)
					if surelyPlain(text) && written(text) != size {
						t.Fatalf("%q is taken for plain, and takes %d bytes", text, written(text))
					}
				}
			}
		}
	}
	for _, text := range []string{"", "5e3a1b7c-0d5f-4a6e-9b1e-2f7d8c9a0b1c", "/v1/chat/completions?api-version=2024-10-21&x=%41~ y"} {
		if !surelyPlain([]byte(text)) {
			t.Errorf("%q is not found to be plain", text)
		}
	}
}
