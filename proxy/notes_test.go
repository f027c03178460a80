package proxy

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestForLog(t *testing.T) {
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
			if got := string(forLog([]byte(tc.text), 20)); got != tc.want {
				t.Errorf("forLog(%q, 20) = %q, want %q", tc.text, got, tc.want)
			}
			var n notes
			n.keep([]byte("before"), 20)
			if got := string(n.keep([]byte(tc.text), 20)); got != tc.want {
				t.Errorf("keep(%q, 20) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}

// TestAMethodThatIsNone holds that the log does not show what only stands in the
// place of a method.
func TestAMethodThatIsNone(t *testing.T) {
	for method, want := range map[string]string{
		"GET": "GET", "get": "get", "M-SEARCH": "M-SEARCH", "BASELINE_CONTROL": "BASELINE_CONTROL",
		"": "", "key0123456789abcdef": "***", "api-key:k": "***", "GET1": "***", "a=b": "***", "[": "***", "{": "***", "@": "***", "`": "***",
		strings.Repeat("M", 33): strings.Repeat("M", 26) + " (cut)",
	} {
		var n notes
		if got := string(n.keepMethod([]byte(method))); got != want {
			t.Errorf("keepMethod(%q) = %q, want %q", method, got, want)
		}
	}
}

// FuzzForLog holds that a text takes its limit in a line at most, and that only
// one that would take more is cut.
func FuzzForLog(f *testing.F) {
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
		got := forLog(text, int(limit))
		if in(got) > int(limit) {
			t.Errorf("forLog(%q, %d) = %q, of %d bytes in a line", text, limit, got, in(got))
		}
		if string(got) != string(text) && written(text) <= int(limit) {
			t.Errorf("forLog(%q, %d) = %q, but it takes %d bytes in a line", text, limit, got, in(text))
		}
		var n notes
		if kept := n.keep(text, int(limit)); string(kept) != string(got) {
			t.Errorf("keep(%q, %d) = %q, forLog gives %q", text, limit, kept, got)
		}
	})
}

// TestWhatIsCutIsNotHeld holds that the notes of a stream do not keep the buffer
// of a long query for as long as it lasts.
func TestWhatIsCutIsNotHeld(t *testing.T) {
	e, s := headSnapshot(t)
	x := headExchange(e, s, 0, false)
	if err := x.req.parse(crlf("GET /?" + strings.Repeat("a", 60_000) + " HTTP/1.1\nHost: edge\n\n")); err != nil {
		t.Fatal(err)
	}
	x.note()
	if got := cap(x.notes.text); got > 2*usualText {
		t.Errorf("the notes hold %d bytes, want %d at most", got, 2*usualText)
	}
}
