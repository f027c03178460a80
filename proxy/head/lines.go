package head

import (
	"strconv"

	"github.com/apim-edge/apim-edge/rewrite"
)

// lines appends field lines to a head. Most lines of a head pass as they came, one behind
// the other: those are copied in one piece. The zero value with dst is ready, and flush ends
// it.
type lines struct {
	dst []byte
	run []byte // what is to be copied; it aliases the head that the lines came in
}

// pass appends a field as it came.
func (l *lines) pass(f *rewrite.Field) {
	switch raw := asItCame(f); {
	case raw == nil:
		l.flush()
		l.dst = appendField(l.dst, f.Name, f.Value)
	case len(l.run) < cap(l.run) && &l.run[:len(l.run)+1][len(l.run)] == &raw[0]:
		l.run = l.run[:len(l.run)+len(raw)]
	default:
		l.flush()
		l.run = raw
	}
}

// number appends a field with another value than it came with.
func (l *lines) number(f *rewrite.Field, n int64) {
	l.flush()
	l.dst = append(append(l.dst, f.Name...), ": "...)
	l.dst = append(strconv.AppendInt(l.dst, n, 10), "\r\n"...)
}

func (l *lines) flush() {
	if len(l.run) > 0 {
		l.dst, l.run = append(l.dst, l.run...), nil
	}
}

// asItCame returns the line of the head that a field aliases, where appendField would write
// the same; else nil. The name can grow up to the end of its head, which is why nothing here
// is beyond it.
func asItCame(f *rewrite.Field) []byte {
	name, n := len(f.Name), len(f.Name)+len(f.Value)+len(": \r\n")
	if n > cap(f.Name) || len(f.Value) == 0 {
		return nil
	}
	raw := f.Name[:n]
	if &raw[name+2] != &f.Value[0] || raw[name] != ':' || raw[name+1] != ' ' || raw[n-2] != '\r' || raw[n-1] != '\n' {
		return nil
	}
	return raw
}
