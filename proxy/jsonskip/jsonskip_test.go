package jsonskip

import (
	"strings"
	"testing"
)

// values are what stands behind the byte that opens a value, with * where it ends.
var values = map[string][]string{
	"string": {`"*, `, `abc"*"`, `a\"b"*"`, `a\\"*"`, `a\\\"b"*}`, `a long text with \" in it, and \\"*, "a"`, "caf\xc3\xa9{[\"*]", `without an end\`, `without \"`},
	"nested": {`}*, `, `]*]`, `"a": {"b": [1, 2]}}*}`, `"}", "\"}", "\\"]*"`, `{{[[""]]}}}*, "a"`, `[`, `"}]`, `"a long text with } and ] in it\\"}*`},
}

// TestAValueEnds holds where, however the value is cut in two, and byte by byte.
func TestAValueEnds(t *testing.T) {
	for kind, all := range values {
		for _, marked := range all {
			value, behind, ends := strings.Cut(marked, "*")
			text := value + behind
			for cut := range len(text) + 1 {
				skip(t, kind, value, ends, text[:cut], text[cut:])
			}
			skip(t, kind, value, ends, strings.Split(text, "")...)
		}
	}
}

func skip(t *testing.T, kind, value string, ends bool, pieces ...string) {
	t.Helper()
	s, v := &String{}, Nested()
	f := s.Skip
	if kind == "nested" {
		f = v.Skip
	}
	total, ended := 0, false
	for _, p := range pieces {
		if ended {
			break
		}
		var n int
		if n, ended = f([]byte(p)); !ended && n != len(p) {
			t.Errorf("%s %q: %d of a piece that does not end it", kind, pieces, n)
		}
		total += n
	}
	if total != len(value) || ended != ends {
		t.Errorf("%s %q: %d bytes, ended %v; want %d, %v", kind, pieces, total, ended, len(value), ends)
	}
}
