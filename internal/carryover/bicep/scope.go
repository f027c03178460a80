package bicep

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scope is what expressions of one template may name.
type scope struct {
	variables, parameters map[string]Value
	left                  int // calls that are still evaluated
}

// newScope takes the parameters that are given, and the defaults of the others.
func newScope(template Value, given map[string]Value) *scope {
	s := &scope{template.Property("variables").Object, map[string]Value{}, mostCalls}
	for name, p := range template.Property("parameters").Object {
		if value, ok := p.Object["defaultValue"]; ok {
			s.parameters[name] = value
		}
	}
	maps.Copy(s.parameters, given)
	return s
}

// given are the parameters of a nested template, as far as they can be resolved here.
func (s *scope) given(parameters Value) map[string]Value {
	all := map[string]Value{}
	for name, p := range parameters.Object {
		if v := s.resolved(p.Property("value")); v.Text != nil || v.Object != nil || v.List != nil {
			all[name] = v
		}
	}
	return all
}

// resolved is a value in which each expression that comes to a text is that text.
func (s *scope) resolved(v Value) Value {
	out := Value{Offset: v.Offset, Text: v.Text, Code: v.Code}
	if v.Code != "" {
		if text, ok := s.text(v, 0); ok {
			out.Text, out.Code = &Text{Value: text}, ""
		}
	}
	if v.Object != nil {
		out.Object = map[string]Value{}
		for name, one := range v.Object {
			if name != "resources" && name != "template" {
				out.Object[name] = s.resolved(one)
			}
		}
	}
	for _, one := range v.List {
		out.List = append(out.List, s.resolved(one))
	}
	return out
}

// What bounds evaluation, so that no template costs more than a moment: names that stand
// for names and calls in calls, calls in all, and the length of a text.
const (
	deepest   = 16
	mostCalls = 100_000
	longest   = 1 << 20
)

var (
	numeral = regexp.MustCompile(`^-?[0-9.]+$|^true$|^false$`)
	called  = regexp.MustCompile(`^(\w+)\(`)
)

// text returns the text that a value comes to.
func (s *scope) text(v Value, depth int) (string, bool) {
	if v.Text != nil {
		return v.Text.Value, true
	}
	if v.Code == "" || numeral.MatchString(v.Code) || depth > deepest {
		return "", false
	}
	return s.call(v.Code, depth+1, false)
}

// lenient is the text that a name comes to; what cannot be resolved stands there as in
// a text of Bicep.
func (s *scope) lenient(v Value) string {
	if v.Text != nil {
		return v.Text.Value
	}
	text, _ := s.call(v.Code, 0, true)
	return text
}

// call evaluates an expression: a literal, a name, or one of the calls that put texts
// together. Nothing else is known.
func (s *scope) call(code string, depth int, lenient bool) (string, bool) {
	code = strings.TrimSpace(code)
	if inside, ok := strings.CutPrefix(code, "'"); ok && strings.HasSuffix(inside, "'") {
		return strings.ReplaceAll(strings.TrimSuffix(inside, "'"), "''", "'"), true
	}
	if numeral.MatchString(code) {
		return code, true
	}
	m := called.FindStringSubmatch(code)
	if s.left--; m == nil || !strings.HasSuffix(code, ")") || depth > deepest || s.left < 0 {
		return unknown(code, lenient)
	}
	args := arguments(code[len(m[0]) : len(code)-1])
	if len(args) == 0 {
		return unknown(code, lenient)
	}
	return s.known(strings.ToLower(m[1]), args, code, depth, lenient)
}

func unknown(code string, lenient bool) (string, bool) {
	if lenient {
		return "${" + strings.ReplaceAll(code, "/", "_") + "}", true
	}
	return "", false
}

// known evaluates the calls that are known.
func (s *scope) known(name string, args []string, code string, depth int, lenient bool) (string, bool) {
	texts := make([]string, len(args))
	all := true
	for i, a := range args {
		var ok bool
		texts[i], ok = s.call(a, depth+1, lenient || name == "resourceid")
		all = all && ok
	}
	switch {
	case name == "parameters" || name == "variables":
		v, ok := map[string]map[string]Value{"parameters": s.parameters, "variables": s.variables}[name][texts[0]]
		if ok {
			if text, ok := s.text(v, depth); ok {
				return text, true
			}
		}
	case name == "replace": // placeholders of whoever wrote it; they stay, and are seen
		return s.call(args[0], depth+1, lenient)
	case name == "resourceid":
		return strings.Join(texts, "/"), true
	case !all:
	case name == "concat" && size(texts) < longest:
		return strings.Join(texts, ""), true
	case name == "format" && size(texts) < longest:
		if text, ok := formatted(texts[0], texts[1:]); ok {
			return text, true
		}
	}
	return unknown(code, lenient)
}

func size(texts []string) (n int) {
	for _, t := range texts {
		n += len(t)
	}
	return n
}

var place = regexp.MustCompile(`\{(\d+)\}`)

// formatted puts texts into their places. What they say is no place.
func formatted(form string, texts []string) (string, bool) {
	ok := true
	text := place.ReplaceAllStringFunc(form, func(p string) string {
		n, err := strconv.Atoi(p[1 : len(p)-1])
		if err != nil || n >= len(texts) {
			ok = false
			return p
		}
		return texts[n]
	})
	return text, ok && len(text) < longest
}

// arguments takes a list of arguments apart at its commas.
func arguments(text string) (all []string) {
	depth, quoted, begin := 0, false, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			all, begin = append(all, strings.TrimSpace(text[begin:i])), i+1
		}
	}
	if last := strings.TrimSpace(text[begin:]); last != "" {
		all = append(all, last)
	}
	return all
}

func sorted(m map[string]Value) []string { return slices.Sorted(maps.Keys(m)) }
