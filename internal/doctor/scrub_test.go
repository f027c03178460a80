package doctor

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/secret"
)

func TestClean(t *testing.T) {
	const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
	s := newScrubber(secret.New("0123456789abcdef"), secret.New("two  words"), secret.New("abc"))
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "Access denied.", "Access denied."},
		{"the whole", "key 0123456789abcdef is wrong", "key *** is wrong"},
		{"its end", "ends with ...abcdef, sorry", "ends with *** sorry"},
		{"inside a word", "?k=0123456789abcdef&x", "***"},
		{"one of two words", "these two words here", "these *** *** here"},
		{"a short one", "it is abc.", "it is ***"},
		{"a token of somebody else", "got " + token, "got ***"},
		{"several lines", "a\n\tb\r\n", "a b"},
		{"what commands a terminal", "\x1b[31mred\x1b[0m", "[31mred [0m"},
		{"long", strings.Repeat("x ", 200), strings.Repeat("x ", maxText/2) + " (cut)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := s.clean(tc.text); got != tc.want {
				t.Errorf("clean(%q) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}

// FuzzClean: no part of a secret that is as long as the window is left, whatever stands
// around it.
func FuzzClean(f *testing.F) {
	f.Add("Access denied due to ", "0123456789abcdef", "...")
	f.Add("\"", "a b c d e f", "\"")
	f.Add("x", "SharedAccessKey=abc+/==", "y")
	f.Fuzz(func(t *testing.T, before, key, after string) {
		key = oneLine(key)
		if len(key) < window || strings.Contains(key, "*") || strings.Contains(key, "(cut)") {
			return
		}
		got := newScrubber(secret.New(key)).clean(before + key + after + key[1:] + " " + key[:window])
		for i := 0; i+window <= len(key); i++ {
			if strings.Contains(got, key[i:i+window]) {
				t.Errorf("%q is left of %q in %q", key[i:i+window], key, got)
			}
		}
	})
}
