package export

import (
	"fmt"
	"strings"
)

// text is a file as it is written, line by line.
type text struct {
	b     strings.Builder
	depth int
	mark  string // begins a comment
	unit  string // one level of indentation
}

// line writes one line at the present depth.
func (t *text) line(format string, args ...any) {
	t.b.WriteString(strings.Repeat(t.unit, t.depth))
	fmt.Fprintf(&t.b, format, args...)
	t.b.WriteByte('\n')
}

// gap writes an empty line.
func (t *text) gap() { t.b.WriteByte('\n') }

// open writes the first line of a block; close its last one.
func (t *text) open(format string, args ...any) {
	t.line(format, args...)
	t.depth++
}

func (t *text) close(format string, args ...any) {
	t.depth--
	if format != "" {
		t.line(format, args...)
	}
}

const columns = 96

// note writes a comment, broken into lines.
func (t *text) note(format string, args ...any) {
	width := columns - len(t.unit)*t.depth
	var out string
	for word := range strings.FieldsSeq(fmt.Sprintf(format, args...)) {
		if out != "" && len(out)+1+len(word) > width {
			t.line("%s %s", t.mark, out)
			out = ""
		}
		out = strings.TrimPrefix(out+" "+word, " ")
	}
	t.line("%s %s", t.mark, out)
}

func (t *text) String() string { return t.b.String() }
