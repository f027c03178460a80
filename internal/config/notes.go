package config

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// note is what a reader of YAML skips: a comment or, without a text, an empty line.
type note struct {
	line, column int
	text         string
	trailing     bool // something stands before it on the line
}

// notesIn returns the notes of a file, in order. The tree tells where texts stand in
// quotes or over several lines: in these a # begins no comment.
func notesIn(data []byte, root *yaml.Node) []note {
	s := source{}
	for line := range bytes.Lines(data) {
		s.lines = append(s.lines, []rune(strings.TrimRight(string(line), "\n")))
	}
	s.texts = make([]spans, len(s.lines)+1)
	s.find(root, -1)
	var notes []note
	for i := range s.lines {
		if n, ok := s.note(i); ok {
			notes = append(notes, n)
		}
	}
	return notes
}

func sameComments(a, b []note) bool { return slices.Equal(comments(a), comments(b)) }

func comments(notes []note) []string {
	var all []string
	for _, n := range notes {
		if n.text != "" {
			all = append(all, n.text)
		}
	}
	return all
}

// source is a file with the places of its texts.
type source struct {
	lines [][]rune
	texts []spans // by line
}

// spans are columns from and up to which texts stand.
type spans [][2]int

func (s spans) cover(column int) bool {
	return slices.ContainsFunc(s, func(span [2]int) bool { return column >= span[0] && column < span[1] })
}

// find notes where the texts below a node stand; indent is that of what holds it.
func (s *source) find(n *yaml.Node, indent int) {
	switch {
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0:
		indent = n.Content[0].Column - 1
	case n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle == 0:
		indent = n.Column - 1
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		s.quoted(n)
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.block(n, indent)
	}
	for _, sub := range n.Content {
		s.find(sub, indent)
	}
}

// quoted follows a text in quotes up to its end.
func (s *source) quoted(n *yaml.Node) {
	quote, line, at := '"', n.Line-1, n.Column-1
	if n.Style&yaml.SingleQuotedStyle != 0 {
		quote = '\''
	}
	for s.lines[line][at] != quote { // an anchor or a tag stands before it
		if at++; at == len(s.lines[line]) {
			line, at = line+1, 0
		}
	}
	from := at
	at++
	for ; line < len(s.lines); line, at, from = line+1, 0, 0 {
		for ; at < len(s.lines[line]); at++ {
			switch text := s.lines[line]; {
			case quote == '"' && text[at] == '\\', quote == '\'' && text[at] == quote && at+1 < len(text) && text[at+1] == quote:
				at++
			case text[at] == quote:
				s.texts[line] = append(s.texts[line], [2]int{from, at + 1})
				return
			}
		}
		s.texts[line] = append(s.texts[line], [2]int{from, at + 1})
	}
}

// block notes the lines below | or >: all that are indented further than what holds it.
func (s *source) block(n *yaml.Node, indent int) {
	for line := n.Line; line < len(s.lines); line++ {
		text := string(s.lines[line])
		body := strings.TrimLeft(text, " ")
		if body != "" && len(text)-len(body) <= indent {
			return
		}
		s.texts[line] = spans{{0, len(s.lines[line]) + 1}}
	}
}

// note returns what there is to note on a line.
func (s *source) note(i int) (note, bool) {
	line, texts := s.lines[i], s.texts[i]
	body := strings.TrimSpace(string(line))
	if body == "" {
		return note{line: i + 1}, !texts.cover(0)
	}
	for at, c := range line {
		if c == '#' && !texts.cover(at) && (at == 0 || line[at-1] == ' ' || line[at-1] == '\t') {
			text := strings.TrimRight(string(line[at:]), " \t")
			return note{i + 1, at, text, at > 0 && !strings.HasPrefix(body, "#")}, true
		}
	}
	return note{}, false
}
