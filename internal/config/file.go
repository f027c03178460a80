package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/option"
)

// layer is one source of configuration, already checked: its values as a tree
// for koanf to merge, and the place of every key.
type layer struct {
	values   map[string]any
	origins  map[string]origin
	problems Problems
}

// maxFile bounds what is read, so that a path such as /dev/zero ends.
const maxFile = 1 << 20

// readFile returns the bytes of the configuration file.
func readFile(name string) ([]byte, *Problem) {
	fail := func(text string) *Problem { return &Problem{File: name, Text: text} }
	f, err := os.Open(name)
	if err != nil {
		return nil, fail("cannot read the file: " + reason(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fail("is a directory; name the file in it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fail("cannot read the file: " + reason(err))
	}
	if len(data) > maxFile {
		return nil, fail("is larger than 1MiB; this is no configuration")
	}
	return data, nil
}

// reason is an error of the file system without the path, which stands in
// front of the line already.
func reason(err error) string {
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// parseYAML reads the one document of a file. The tree keeps lines, which the
// decoding of values would lose.
func parseYAML(name string, data []byte) (*yaml.Node, *Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, &Problem{File: name, Text: "the file is empty; it needs at least upstreams with one url"}
	case err != nil:
		return nil, syntaxProblem(name, data, err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, &Problem{File: name, Line: second.Line, Text: "a second document begins (---); one file holds one configuration"}
	case !errors.Is(err, io.EOF):
		return nil, syntaxProblem(name, data, err)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, &Problem{File: name, Text: "the file is empty; it needs at least upstreams with one url"}
	}
	if root.Kind != yaml.MappingNode {
		p := origin{name, root.Line}.problem("", describe(root, false), "the keys "+strings.Join(keysOf(configType), ", "), "")
		return nil, &p
	}
	return root, nil
}

var (
	yamlLine    = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	tabIndented = regexp.MustCompile(`^ *\t`)
)

// syntaxProblem finds the line of a mistake. The parser says it in its text only,
// and of a wrong indentation it names the line where the section began: so the
// line after the last one up to which the file can be read is looked for, too.
// Tabs are named as such: the parser finds only that some later character
// cannot start a token.
func syntaxProblem(name string, data []byte, err error) *Problem {
	for i, line := range strings.Split(string(data), "\n") {
		if tabIndented.MatchString(line) {
			return &Problem{File: name, Line: i + 1, Text: "a tab at the beginning of the line; YAML is indented with spaces"}
		}
	}
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
	}
	return &Problem{File: name, Line: max(line, unreadableLine(data)), Text: "not YAML: " + oneLine(text)}
}

// unreadableLine looks for the line that makes a file unreadable, by halves.
func unreadableLine(data []byte) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		return yaml.Unmarshal(bytes.Join(lines[:i+1], nil), new(yaml.Node)) != nil
	})
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// fileLayer checks the syntax of a file against the types of Config.
func fileLayer(name string, root *yaml.Node) layer {
	r := fileReader{file: name, layer: layer{origins: map[string]origin{}}}
	if values, ok := r.value("", field{typ: configType}, root).(map[string]any); ok {
		r.values = values
	}
	return r.layer
}

type fileReader struct {
	file string
	layer
}

func (r *fileReader) at(n *yaml.Node) origin { return origin{r.file, n.Line} }

func (r *fileReader) wrong(key string, n *yaml.Node, found, allowed, meant string) {
	r.problems = append(r.problems, r.at(n).problem(key, found, allowed, meant))
}

// value returns what stands at key in the form in which it is merged, or nil
// where that is nothing or wrong.
func (r *fileReader) value(key string, f field, n *yaml.Node) any {
	if n.Kind == yaml.AliasNode {
		n = n.Alias // depth is bounded by that of Config: a loop cannot be followed
	}
	want := shapeOf(f.typ)
	null := n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
	switch {
	case want == section && n.Kind == yaml.MappingNode:
		return r.section(key, f.typ, n)
	case want == named && n.Kind == yaml.MappingNode:
		return r.named(key, f.below(), n)
	case want == listed && n.Kind == yaml.SequenceNode:
		return r.listed(key, f.below(), n)
	case want == list && n.Kind == yaml.SequenceNode:
		return r.list(key, f, n)
	case want == pairs && n.Kind == yaml.MappingNode:
		return r.pairs(key, f, n)
	case (want == section || want == named || want == pairs) && null:
		return map[string]any{} // everything below it is commented out
	case want >= text && n.Kind == yaml.ScalarNode && !null:
		return r.scalar(key, f, n)
	}
	allowed, meant := want.wanted(), ""
	switch {
	case f.typ == upstreamType && n.ShortTag() == "!!str":
		r.wrong(key, n, option.Show(maskURL(n.Value)), "a section with the key url", "")
		return nil
	case want == section:
		allowed = "a section with the keys " + strings.Join(keysOf(f.typ), ", ")
		if _, ok := fieldNamed(f.typ, "name"); ok && names.MatchString(n.Value) {
			meant = "{name: " + n.Value + "}"
		}
	case want == list && n.Kind == yaml.ScalarNode && !null:
		meant = "[" + n.Value + "]"
	}
	r.wrong(key, n, describe(n, f.secret()), allowed, meant)
	return nil
}

func (r *fileReader) section(key string, t reflect.Type, n *yaml.Node) map[string]any {
	values := map[string]any{}
	r.each(key, n, func(name string, k, v *yaml.Node) {
		f, ok := fieldNamed(t, name)
		if !ok {
			meant := r.unknown(option.Child(key, name), k, keysOf(t))
			// One slip is one problem: the section is read as what it
			// probably is, so that nothing seems to be missing.
			if f, ok = fieldNamed(t, meant); !ok || has(n, meant) {
				return
			}
		}
		sub := option.Child(key, f.key)
		r.origins[sub] = r.at(k)
		if value := r.value(sub, f, v); value != nil {
			values[f.key] = value
		}
	})
	return values
}

// unknown reports a key that is not known here, and returns the one that is meant.
func (r *fileReader) unknown(key string, n *yaml.Node, keys []string) (meant string) {
	others := elsewhere(n.Value)
	if len(others) == 0 {
		meant = nearest(n.Value, keys)
	}
	p := origin{r.file, n.Line}.problem(key, n.Value, oneOf(keys), meant)
	switch {
	case meant != "":
		p.Text = "unknown key" + didYouMean(meant)
	case len(others) > 0:
		p.Text = "unknown key here; it belongs to " + oneOf(others)
	case verifying.MatchString(n.Value):
		p.Text = "unknown key; " + alwaysVerified
	default:
		p.Text = "unknown key; allowed here: " + strings.Join(keys, ", ")
	}
	r.problems = append(r.problems, p)
	return meant
}

func (r *fileReader) named(key string, elem field, n *yaml.Node) map[string]any {
	values := map[string]any{}
	if r.nameless(key, elem.typ, n) {
		return values
	}
	r.each(key, n, func(name string, k, v *yaml.Node) {
		sub := option.Child(key, name)
		r.origins[sub] = r.at(k)
		if value := r.value(sub, elem, v); value != nil {
			values[name] = value
		}
	})
	return values
}

// nameless reports whether keys stand where names belong: url right below upstreams.
func (r *fileReader) nameless(key string, elem reflect.Type, n *yaml.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		f, ok := fieldNamed(elem, k.Value)
		null := v.Kind == yaml.ScalarNode && v.ShortTag() == "!!null"
		if ok && !null && v.Kind != yaml.MappingNode && v.Kind != yaml.AliasNode {
			r.wrong(key, k, "the key "+f.key, "a name of your own, and "+f.key+" below it, as in "+key+": {openai: {"+f.key+": ...}}", "")
			return true
		}
	}
	return false
}

// each calls visit for the pairs of a mapping and reports keys that are not
// plain or stand there twice: YAML readers disagree on which of two counts.
func (r *fileReader) each(key string, n *yaml.Node, visit func(name string, k, v *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			r.wrong(key, k, describe(k, false)+" as a key", "a name", "")
			continue
		case k.ShortTag() == "!!merge":
			r.wrong(key, k, "<<", "keys; merging is not supported, but a whole section can be an alias (*name)", "")
			continue
		}
		if first, ok := seen[k.Value]; ok {
			r.problems = append(r.problems, Problem{File: r.file, Line: k.Line, Key: option.Child(key, k.Value),
				Found: "the key twice", Text: fmt.Sprintf("the key stands here a second time; the first is in line %d", first)})
			continue
		}
		seen[k.Value] = k.Line
		visit(k.Value, k, v)
	}
}

func has(n *yaml.Node, key string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

func (r *fileReader) list(key string, f field, n *yaml.Node) []string {
	values := []string{} // not nil: an empty list says none, silence says the default
	for i, item := range n.Content {
		sub := option.Element(key, i)
		r.origins[sub] = r.at(item)
		value, _ := r.value(sub, f.below(), item).(string)
		values = append(values, value) // also where it is wrong: places are counted
	}
	return values
}

func (r *fileReader) listed(key string, elem field, n *yaml.Node) []any {
	values := []any{}
	for i, item := range n.Content {
		sub := option.Element(key, i)
		r.origins[sub] = r.at(item)
		value, ok := r.value(sub, elem, item).(map[string]any)
		if !ok {
			value = map[string]any{} // places are counted
		}
		values = append(values, value)
	}
	return values
}

func (r *fileReader) pairs(key string, f field, n *yaml.Node) map[string]any {
	values := map[string]any{}
	r.each(key, n, func(name string, k, v *yaml.Node) {
		sub := option.Child(key, name)
		r.origins[sub] = r.at(k)
		if value, ok := r.value(sub, f.below(), v).(string); ok {
			values[name] = value
		}
	})
	return values
}

// tags are the YAML types in which a scalar of each shape is written. A number
// in quotes is no number, and yes is no truth value: whoever means one thing
// should not write another.
var tags = map[shape]string{text: "!!str", yesNo: "!!bool", number: "!!int", duration: "!!str", size: "!!str", share: "!!float"}

func bare(s string) string { return strings.Trim(option.Show(s), `"`) }

func (r *fileReader) scalar(key string, f field, n *yaml.Node) any {
	want := shapeOf(f.typ)
	if fault := expandFault(key, f, n.Value); fault != "" {
		found := option.Show(n.Value)
		if f.secret() {
			found = ""
		}
		r.problems = append(r.problems, r.at(n).fault(key, found, fault, ""))
		return nil
	}
	value, meant, ok := want.parse(n.Value)
	zero := n.Value == "0" && (want == duration || want == size)
	date := want == text && f.tag.Get("date") == "ok" && n.ShortTag() == "!!timestamp"
	whole := want == share && n.ShortTag() == "!!int"
	if ok && (zero || date || whole || n.ShortTag() == tags[want]) {
		return value
	}
	allowed := want.wanted()
	switch {
	case want == text:
		allowed += "; put it in quotes"
	case ok:
		allowed += ", without quotes"
	}
	r.wrong(key, n, describe(n, f.secret()), allowed, meant)
	return nil
}

// describe says what an operator wrote, but not what a secret is.
func describe(n *yaml.Node, secret bool) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a section"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.ShortTag() == "!!null":
		return "nothing"
	case secret:
		return "something that is no text"
	case n.ShortTag() == "!!str":
		return option.Show(n.Value)
	case n.ShortTag() == "!!int", n.ShortTag() == "!!float":
		return "the number " + bare(n.Value)
	default:
		return bare(n.Value)
	}
}
