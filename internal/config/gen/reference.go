package main

import (
	"bytes"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

const referenceHead = `# yaml-language-server: $schema=schema.json
#
# Every key of apim-edge with its meaning and default.
# Generated from internal/config by go generate ./internal/config.
#
# A key behind a # stands there with its default: to change it, take off the #
# and nothing else. Only the url of an upstream must be given. The names legacy,
# openai, gpt-4o, staff and team-a are examples, of which no route asks for the last
# two. Text is explained in docs/configuration.md.
`

// referenceFile is the sample as YAML with a comment above each key. What is
// a default is commented out, so that the file can be used as it is.
func referenceFile(root key) ([]byte, error) {
	masked, err := config.Masked(sample())
	if err != nil {
		return nil, err
	}
	plain, err := config.Format("reference.yaml", masked)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(referenceHead)
	at := []key{root} // the sections around the line, outermost first
	for line := range strings.Lines(string(plain)) {
		body := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(body)]
		name, value, _ := strings.Cut(strings.TrimSpace(body), ":")
		at = at[:len(indent)/2+1]
		k := at[len(at)-1].below(name)
		at = append(at, k)
		if len(indent) == 0 {
			out.WriteString("\n")
		}
		for _, words := range wrap(k.text, 78-len(indent)) {
			out.WriteString(indent + "# " + words + "\n")
		}
		if examples[k.path] || value != "" && !given[k.path] {
			indent += "#"
		}
		out.WriteString(indent + body)
	}
	return out.Bytes(), nil
}

// given are the keys that are no default: without them the examples would be none.
var given = map[string]bool{
	"upstreams.<name>.url":            true,
	"token_policies.<name>.tenant_id": true,
	"token_policies.<name>.audiences": true,
	"clients.<name>.keys":             true,
}

// below returns the key of a name in a section, or the element of a section of
// names.
func (k key) below(name string) key {
	if k.element != nil {
		return *k.element
	}
	for _, child := range k.children {
		if child.name == name {
			return child
		}
	}
	panic("BUG: the sample has a key that the types do not have: " + k.path + "." + name)
}

// wrap breaks a text into lines.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
