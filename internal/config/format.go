package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format writes a configuration file in the one canonical way: sections indented by two
// spaces, times and sizes as Masked writes them, quotes only where they are needed, one
// empty line at most. Order and comments stay, and so does what stands on one line in
// braces. The meaning is the same: what would change it is an error.
//
// It formats whatever is YAML, also where Load finds faults. The library's own printer
// is used for values only, since it moves comments and drops empty lines.
func Format(name string, data []byte) ([]byte, error) {
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	root, problem := parseYAML(name, data)
	if problem != nil {
		return nil, &Problems{*problem}
	}
	plain := canonical(root, field{typ: configType})
	p := printer{notes: notesIn(data, root), columns: map[int]int{}}
	p.order(plain)
	p.mapping(plain, 0, false)
	p.flush(endOfFile, endOfFile, 0, 0)
	formatted := append(bytes.TrimRight(p.out.Bytes(), "\n"), '\n')
	again, problem := parseYAML(name, formatted)
	if p.err != nil || problem != nil || !sameTree(plain, again) || !sameComments(p.notes, notesIn(formatted, again)) {
		return nil, cmp.Or(p.err, errors.New(name+": cannot be formatted without a change of what it says"))
	}
	return formatted, nil
}

// canonical returns a copy of a node in which each value is written in one way. Lines
// and columns are those of the original.
func canonical(n *yaml.Node, f field) *yaml.Node {
	c := *n
	c.HeadComment, c.LineComment, c.FootComment, c.Content = "", "", "", nil
	c.Style &^= yaml.LiteralStyle | yaml.FoldedStyle
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			c.Content = append(c.Content, canonicalText(k), canonical(n.Content[i+1], f.at(k.Value)))
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.Content = append(c.Content, canonical(item, f.at("")))
		}
	case yaml.ScalarNode:
		return canonicalScalar(&c, f)
	}
	return &c
}

// at returns the field of a key or an element below f; that of an unknown key has no type.
func (f field) at(key string) field {
	if f.typ == nil {
		return f
	}
	switch shapeOf(f.typ) {
	case section:
		sub, _ := fieldNamed(f.typ, key)
		return sub
	case named, listed, list, pairs:
		return f.below()
	}
	return field{}
}

// canonicalText takes off the quotes that a text does not need.
func canonicalText(n *yaml.Node) *yaml.Node {
	c := *n
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		c.Tag, c.Style = "!!str", 0
		if strings.Contains(n.Value, "\n") {
			c.Style = yaml.DoubleQuotedStyle
		}
	}
	return &c
}

func canonicalScalar(n *yaml.Node, f field) *yaml.Node {
	tag, zero := n.ShortTag(), n.Value == "0"
	if f.typ == nil || tag == "!!null" {
		return canonicalText(n)
	}
	var canon string
	switch want := shapeOf(f.typ); {
	case want == duration && (tag == "!!str" || zero):
		if d := new(Duration); d.UnmarshalText([]byte(n.Value)) == nil {
			canon = d.String()
		}
	case want == size && (tag == "!!str" || zero):
		if s := new(Size); s.UnmarshalText([]byte(n.Value)) == nil {
			canon = s.String()
		}
	case want == number && tag == "!!int", want == yesNo && tag == "!!bool":
		if v, _, ok := want.parse(n.Value); ok {
			canon = fmt.Sprint(v)
		}
	}
	if canon == "" {
		return canonicalText(n)
	}
	if n.Style, n.Value = 0, canon; canon == "0" {
		n.Tag = "!!int"
	}
	return n
}

// sameTree compares what two trees say.
func sameTree(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Anchor == b.Anchor && a.Value == b.Value && a.ShortTag() == b.ShortTag() &&
		slices.EqualFunc(a.Content, b.Content, sameTree)
}
