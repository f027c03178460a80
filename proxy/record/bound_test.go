package record

import (
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
