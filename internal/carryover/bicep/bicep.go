// Package bicep reads what stands in files of Bicep as it is written there: resources
// with their properties. It evaluates nothing but names of variables and parameters
// with a default.
package bicep

import (
	"regexp"
	"strings"
)

// File is what was read of a file.
type File struct {
	Resources []*Resource
	// Names are variables, and parameters that have a default.
	Names map[string]Value
}

// Resource is one resource.
type Resource struct {
	// Symbol is its name in the file. Type has no version.
	Symbol, Type string
	// Parent is the resource that it is nested in, or nil.
	Parent *Resource
	Body   Value
	Offset int
}

// Value is a value as it is written. One of its fields is set.
type Value struct {
	Offset int
	Text   *Text
	Object map[string]Value
	List   []Value
	Code   string // whatever else: a name, a call, a condition
}

// Text is a literal.
type Text struct {
	Value string
	// Begin and End are the offsets of what stands between the quotes. Raw says that
	// it is there as it is, without escapes.
	Begin, End int
	Raw        bool
}

// Property returns a property of an object, along a path of names.
func (v Value) Property(path ...string) Value {
	for _, name := range path {
		v = v.Object[name]
	}
	return v
}

// reader reads one file.
type reader struct {
	text string
	at   int
	file *File
}

// Read reads a file. What it does not understand it passes over.
func Read(text string) *File {
	r := &reader{text: text, file: &File{Names: map[string]Value{}}}
	for r.at < len(text) {
		r.statement(nil)
	}
	return r.file
}

var (
	resource  = regexp.MustCompile(`^resource\s+(\w+)\s+'([^'@\n]+)(?:@[^'\n]*)?'\s*(?:existing\s*)?=\s*`)
	condition = regexp.MustCompile(`^(?:if\s*|\[for\s)`)
	variable  = regexp.MustCompile(`^(?:var\s+(\w+)(?:\s+[\w\[\]]+)?|param\s+(\w+)\s+[\w\[\]?]+)\s*=\s*`)
)

// statement reads what begins at a line, or passes over one character.
func (r *reader) statement(parent *Resource) {
	r.blank()
	rest := r.text[r.at:]
	if m := resource.FindStringSubmatch(rest); m != nil && r.lineBegins() {
		res := &Resource{Symbol: m[1], Type: m[2], Parent: parent, Offset: r.at}
		r.at += len(m[0])
		if condition.MatchString(r.text[r.at:]) {
			r.to('{')
		}
		r.file.Resources = append(r.file.Resources, res)
		res.Body = r.value(res)
		return
	}
	if m := variable.FindStringSubmatch(rest); m != nil && parent == nil && r.lineBegins() {
		r.at += len(m[0])
		r.file.Names[m[1]+m[2]] = r.value(nil)
		return
	}
	if r.at < len(r.text) {
		r.pass()
	}
}

// lineBegins reports whether nothing but blanks stand before in the line.
func (r *reader) lineBegins() bool {
	before := strings.TrimRight(r.text[:r.at], " \t")
	return before == "" || before[len(before)-1] == '\n' || before[len(before)-1] == '{'
}

// blank passes over white space and comments.
func (r *reader) blank() {
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			r.at++
		case strings.HasPrefix(rest, "//"):
			r.behind("\n")
		case strings.HasPrefix(rest, "/*"):
			r.behind("*/")
		default:
			return
		}
	}
}

func (r *reader) behind(mark string) {
	if n := strings.Index(r.text[r.at:], mark); n >= 0 {
		r.at += n + len(mark)
		return
	}
	r.at = len(r.text)
}

// pass passes over one character, text or comment.
func (r *reader) pass() {
	rest := r.text[r.at:]
	switch {
	case rest[0] == '\'':
		r.literal()
	case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "/*"):
		r.blank()
	default:
		r.at++
	}
}

// to goes to a character outside texts.
func (r *reader) to(c byte) {
	for r.at < len(r.text) && r.text[r.at] != c {
		r.pass()
	}
}

// value reads a value; in is the resource whose body it is.
func (r *reader) value(in *Resource) Value {
	for r.at < len(r.text) && (r.text[r.at] == ' ' || r.text[r.at] == '\t') {
		r.at++
	}
	v := Value{Offset: r.at}
	if r.at >= len(r.text) {
		return v
	}
	switch r.text[r.at] {
	case '{':
		v.Object = r.object(in)
	case '[':
		if strings.HasPrefix(strings.TrimSpace(r.text[r.at+1:]), "for ") {
			v.Code = r.code()
			return v
		}
		v.List = r.list()
	case '\'':
		text := r.literal()
		if r.ends() {
			v.Text = &text
			return v
		}
		r.at = v.Offset
		v.Code = r.code()
	default:
		v.Code = r.code()
	}
	return v
}

// ends reports whether a value ends here.
func (r *reader) ends() bool {
	rest := strings.TrimLeft(r.text[r.at:], " \t\r")
	return rest == "" || strings.IndexByte("\n,]})", rest[0]) >= 0 || strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*")
}

// code reads an expression: to the end of the line, or of the brackets that it is in.
func (r *reader) code() string {
	begin, depth := r.at, 0
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case depth == 0 && (strings.HasPrefix(r.text[r.at:], "//") || strings.HasPrefix(r.text[r.at:], "/*")):
			return strings.TrimSpace(r.text[begin:r.at])
		case depth == 0 && (c == '\n' || c == ',' || strings.IndexByte("]})", c) >= 0):
			return strings.TrimSpace(r.text[begin:r.at])
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
		r.pass()
	}
	return strings.TrimSpace(r.text[begin:])
}

var key = regexp.MustCompile(`^(?:(\w+)|'([^'\n]*)')\s*:`)

func (r *reader) object(in *Resource) map[string]Value {
	all := map[string]Value{}
	r.at++
	for {
		r.blank()
		if r.at >= len(r.text) {
			return all
		}
		rest := r.text[r.at:]
		if rest[0] == '}' {
			r.at++
			return all
		}
		if m := key.FindStringSubmatch(rest); m != nil {
			r.at += len(m[0])
			all[m[1]+m[2]] = r.value(nil)
			continue
		}
		before := r.at
		if in != nil && resource.MatchString(rest) {
			r.statement(in)
		}
		if r.at == before {
			r.pass()
		}
	}
}

func (r *reader) list() []Value {
	var all []Value
	r.at++
	for {
		r.blank()
		if r.at >= len(r.text) {
			return all
		}
		switch r.text[r.at] {
		case ']':
			r.at++
			return all
		case ',':
			r.at++
			continue
		}
		before := r.at
		all = append(all, r.value(nil))
		if r.at == before {
			r.at++
		}
	}
}

var escapes = strings.NewReplacer(`\'`, "'", `\\`, `\`, `\n`, " ", `\r`, " ", `\t`, " ", `\$`, "$")

// literal reads a text. What is a line break by an escape becomes a blank, so that lines
// of the text are lines of the file.
func (r *reader) literal() Text {
	if strings.HasPrefix(r.text[r.at:], "'''") {
		t := Text{Begin: r.at + 3, Raw: true}
		r.at += 3
		r.behind("'''")
		t.End = max(r.at-3, t.Begin)
		t.Value = r.text[t.Begin:t.End]
		return t
	}
	r.at++
	t := Text{Begin: r.at}
	for r.at < len(r.text) && r.text[r.at] != '\'' && r.text[r.at] != '\n' {
		switch {
		case r.text[r.at] == '\\':
			r.at++
		case strings.HasPrefix(r.text[r.at:], "${"):
			r.hole()
			continue
		}
		r.at++
	}
	t.End = min(r.at, len(r.text))
	t.Value = escapes.Replace(r.text[t.Begin:t.End])
	r.at = min(r.at+1, len(r.text))
	return t
}

// hole passes over the ${...} of a text, which may have texts inside.
func (r *reader) hole() {
	depth := 0
	for r.at < len(r.text) && r.text[r.at] != '\n' {
		c := r.text[r.at]
		if c == '{' {
			depth++
		}
		r.pass()
		if c == '}' {
			if depth--; depth == 0 {
				return
			}
		}
	}
}
