package config

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const endOfFile = math.MaxInt

// printer writes a canonical tree, and the notes between its lines.
type printer struct {
	out     bytes.Buffer
	notes   []note
	done    int                          // notes that are written
	next    map[*yaml.Node]int           // the line of what follows a node and all in it
	columns map[int]int                  // what each column of the original has become
	last    struct{ column, indent int } // of the entry before
	base    int                          // the column of the first comment below that entry
	err     error
}

// order notes for each node the line on which the one behind it begins.
func (p *printer) order(root *yaml.Node) {
	p.next = map[*yaml.Node]int{}
	line := endOfFile
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		p.next[n] = line
		for i := len(n.Content) - 1; i >= 0; i-- {
			visit(n.Content[i])
		}
		line = n.Line
	}
	visit(root)
}

// mapping writes pairs, the first of them behind a dash where inLine is set.
func (p *printer) mapping(n *yaml.Node, indent int, inLine bool) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if inLine && i == 0 {
			p.follow(k.Column-1, indent)
		} else {
			p.begin(k, v, k.Column-1, indent)
		}
		p.out.WriteString(p.key(k) + ":")
		if v.Kind == yaml.ScalarNode && v.Value == "" && v.ShortTag() == "!!null" && v.Anchor == "" {
			p.end(k, v)
			continue
		}
		p.value(k, v, indent)
	}
}

// begin writes what stands above an entry, and its indentation.
func (p *printer) begin(first, value *yaml.Node, column, indent int) {
	line := first.Line
	if isInLine(value) {
		line = max(line, value.Line) // what stands between a key and its value goes above both
	}
	p.flush(line, first.Line, column, indent)
	p.out.WriteString(strings.Repeat(" ", indent))
	p.follow(column, indent)
}

// follow notes where an entry stood and stands.
func (p *printer) follow(column, indent int) {
	p.columns[column], p.last.column, p.last.indent, p.base = indent, column, indent, 0
}

// value writes what stands behind the colon or dash of first.
func (p *printer) value(first, v *yaml.Node, indent int) {
	if isInLine(v) {
		p.out.WriteString(" " + p.inLine(v))
		p.end(first, v)
		return
	}
	p.out.WriteString(strings.TrimRight(" "+properties(v), " "))
	p.trailing(first.Line, v.Content[0].Line)
	if v.Kind == yaml.MappingNode {
		p.mapping(v, indent+2, false)
		return
	}
	p.sequence(v, indent+2, false)
}

func (p *printer) sequence(n *yaml.Node, indent int, inLine bool) {
	column := n.Column - 1
	if n.Style&yaml.FlowStyle != 0 {
		column = n.Content[0].Column - 1
	}
	for i, item := range n.Content {
		if inLine && i == 0 {
			p.follow(column, indent)
		} else {
			p.begin(item, item, column, indent)
		}
		p.out.WriteString("-")
		switch plain := properties(item) == ""; {
		case plain && !isInLine(item) && item.Kind == yaml.MappingNode:
			p.out.WriteString(" ")
			p.mapping(item, indent+2, true)
		case plain && !isInLine(item):
			p.out.WriteString(" ")
			p.sequence(item, indent+2, true)
		default:
			p.value(item, item, indent)
		}
	}
}

// isInLine reports whether a value is written on one line: a text, or what stands in
// braces on one line.
func isInLine(v *yaml.Node) bool {
	if len(v.Content) == 0 {
		return true
	}
	return v.Style&yaml.FlowStyle != 0 && allOn(v, v.Line)
}

func allOn(n *yaml.Node, line int) bool {
	for _, sub := range n.Content {
		if sub.Line != line || !allOn(sub, line) {
			return false
		}
	}
	return true
}

func (p *printer) key(k *yaml.Node) string {
	pair := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{k, stringNode("x")}}
	text, ok := strings.CutSuffix(p.encoded(pair), ": x")
	if !ok || strings.HasPrefix(text, "? ") {
		p.err = errors.New("a key in line " + strconv.Itoa(k.Line) + " is too long, or no name")
	}
	return text
}

// inLine writes a value that has one line.
func (p *printer) inLine(v *yaml.Node) string {
	var parts []string
	switch v.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(v.Content); i += 2 {
			value := p.inBraces(v.Content[i+1])
			parts = append(parts, p.inBraces(v.Content[i])+strings.TrimRight(": "+value, " "))
		}
		return properties(v) + "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, item := range v.Content {
			parts = append(parts, p.inBraces(item))
		}
		return properties(v) + "[" + strings.Join(parts, ", ") + "]"
	}
	return p.encoded(v)
}

// plainInBraces are texts that need no quotes in braces either. The library quotes what
// has a colon there, as every URL.
var plainInBraces = regexp.MustCompile(`^[A-Za-z0-9_./-]([A-Za-z0-9_./:@+~=%-]*[A-Za-z0-9_./@+~=%-])?$`)

func (p *printer) inBraces(v *yaml.Node) string {
	text := p.inLine(v)
	if v.Kind != yaml.ScalarNode || text == "" || plainInBraces.MatchString(text) {
		return text
	}
	list := p.encoded(&yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{v}})
	return strings.TrimSuffix(strings.TrimPrefix(list, "["), "]")
}

func properties(n *yaml.Node) string {
	text := ""
	if n.Anchor != "" {
		text = "&" + n.Anchor + " "
	}
	if n.Style&yaml.TaggedStyle != 0 {
		text += n.Tag + " "
	}
	return text
}

func (p *printer) encoded(n *yaml.Node) string {
	text, err := yaml.Marshal(n)
	p.err = cmp.Or(p.err, err)
	return strings.TrimSuffix(string(text), "\n")
}

// end ends the line of an entry, the last node of which is v.
func (p *printer) end(first, v *yaml.Node) { p.trailing(first.Line, p.next[v]) }

// trailing writes the comment behind an entry that begins on a line, and before another.
func (p *printer) trailing(from, before int) {
	if p.done < len(p.notes) {
		if n := p.notes[p.done]; n.trailing && n.line >= from && n.line < before {
			p.out.WriteString(" " + n.text)
			p.done++
		}
	}
	p.out.WriteString("\n")
}

// flush writes the notes above a line, for an entry that begins at entry and goes from
// a column to an indentation.
func (p *printer) flush(line, entry, column, indent int) {
	for ; p.done < len(p.notes) && p.notes[p.done].line < line; p.done++ {
		n := p.notes[p.done]
		switch {
		case n.text != "":
			p.out.WriteString(strings.Repeat(" ", p.place(n, entry, column, indent)) + n.text + "\n")
		case p.out.Len() > 0 && !bytes.HasSuffix(p.out.Bytes(), []byte("\n\n")):
			p.out.WriteString("\n")
		}
	}
}

// place finds the indentation of a comment: that of the entry which follows or one
// before, whichever it stands in line with. What is indented further than the entry
// before it belongs below that.
func (p *printer) place(n note, entry, column, indent int) int {
	below := p.out.Len() > 0 && n.column > p.last.column && !n.trailing
	if below && p.base == 0 {
		p.base = n.column
	}
	known, seen := p.columns[n.column]
	switch {
	case n.trailing || n.line > entry || n.column == column:
		return indent
	case below:
		return p.last.indent + 2 + max(0, n.column-p.base)
	case seen:
		return known
	}
	return indent
}
