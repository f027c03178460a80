package head

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/rewrite"
)

// TestLinesPassAsTheyCame holds that lines which are copied in one piece come out as if each
// had been written by itself, however they are spaced and whatever is left out between them.
func TestLinesPassAsTheyCame(t *testing.T) {
	lines := []string{"A: one", "B:two", "C:  three", "D: four ", "E:\tfive", "F:", "G: ", "H: six: seven", "I: 8", "J: 9\t"}
	head := []byte(strings.Join(lines, "\r\n") + "\r\n\r\nbody")
	for leave := range 1 << len(lines) {
		var scanned fieldLines
		if n, err := scanned.scan(head); err != nil || n != len(head)-len("body") || len(scanned.kinds) != len(lines) {
			t.Fatal(n, scanned, err)
		}
		fields := scanned.fields
		l, want := lineWriter(), "front\r\n"
		for i := range fields {
			if leave&(1<<i) == 0 {
				continue
			}
			l.pass(&fields[i])
			want = string(appendField([]byte(want), fields[i].Name, fields[i].Value))
		}
		if l.flush(); string(l.dst) != want {
			t.Fatalf("%q, want %q", l.dst, want)
		}
	}
}

func lineWriter() lines { return lines{dst: []byte("front\r\n")} }

// TestALineThatDidNotComeIsWritten: a field that aliases no head, or two of them.
func TestALineThatDidNotComeIsWritten(t *testing.T) {
	one, other := []byte("Name: value\r\n"), []byte("Name: other\r\nLast: x")
	for _, f := range []rewrite.Field{
		{Name: []byte("Name"), Value: []byte("value")},
		{Name: one[:4], Value: other[6:11]},
		{Name: one[:4:4], Value: one[6:11]},
		{Name: other[13:17], Value: other[19:]}, // the head ends behind it
		{Name: one[:3], Value: one[6:11]},
		{Name: one[:4], Value: one[6:10]},
	} {
		if raw := asItCame(&f); raw != nil {
			t.Errorf("%q: %q is taken for its line %q", f.Name, f.Value, raw)
		}
		l := lineWriter()
		l.pass(&f)
		if l.flush(); string(l.dst) != "front\r\n"+string(f.Name)+": "+string(f.Value)+"\r\n" {
			t.Errorf("%q", l.dst)
		}
	}
}
