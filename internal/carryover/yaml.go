package carryover

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// section is a mapping of the configuration in the order in which it is written.
type section struct{ node *yaml.Node }

func newSection() section { return section{&yaml.Node{Kind: yaml.MappingNode}} }

// comment is one that ends in its line, whatever a file is called.
func comment(from string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, from)
}

func (s section) add(key string, value *yaml.Node, from string) {
	k := &yaml.Node{Kind: yaml.ScalarNode, Value: key, Tag: "!!str"}
	if value.Kind == yaml.MappingNode && value.Style != yaml.FlowStyle {
		k.LineComment = comment(from)
	} else {
		value.LineComment = comment(from)
	}
	s.node.Content = append(s.node.Content, k, value)
}

// text adds a text, which is quoted where it could be read as something else.
func (s section) text(key, value, from string) {
	s.add(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}, from)
}

// plain adds a number, a truth value, or a time.
func (s section) plain(key, value, from string) {
	s.add(key, &yaml.Node{Kind: yaml.ScalarNode, Value: value}, from)
}

func (s section) list(key string, values []string, from string) {
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range values {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v})
	}
	s.add(key, list, from)
}

// below adds a section and returns it.
func (s section) below(key, from string) section {
	sub := newSection()
	s.add(key, sub.node, from)
	return sub
}

func (s section) empty() bool { return len(s.node.Content) == 0 }

// under adds a section unless it is empty.
func (s section) under(key string, sub section, from string) {
	if !sub.empty() {
		s.add(key, sub.node, from)
	}
}

func (s section) String() string {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(s.node); err != nil {
		panic("BUG: a tree of texts is not written: " + err.Error())
	}
	return out.String()
}

const sequence = yaml.SequenceNode
