package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestFormat(t *testing.T) {
	for _, story := range testkit.Stories(t, "testdata/format/*.txtar") {
		before, after := story.Files[0].Data, string(story.Files[1].Data)
		got, err := Format("before.yaml", before)
		if err != nil || string(got) != after {
			t.Errorf("%s: error %v\n%s", story.File, err, diff.Diff("want", []byte(after), "got", got))
		}
	}
}

// TestExamplesAreFormatted: what operators are given is as fmt would have it.
func TestExamplesAreFormatted(t *testing.T) {
	for name, data := range examples(t) {
		if got, err := Format(name, data); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: error %v, formatted it differs:\n%s", name, err, diff.Diff("as it is", data, "formatted", got))
		}
	}
}

func examples(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, file := range testkit.Files(t, configs+"/*.yaml", configs+"/recipes/*.yaml") {
		all[file] = []byte(testkit.Read(t, file))
	}
	return all
}

// TestFormatRefusesWhatIsNoFile: its message is that of check.
func TestFormatRefusesWhatIsNoFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "edge.yaml: the file is empty; it needs at least upstreams with one url",
		"a: [":                           "edge.yaml:1: not YAML: did not find expected node content",
		"- a":                            "edge.yaml:1: found a list, want the keys " + strings.Join(keysOf(configType), ", "),
		"? [a]\n: b":                     "a key in line 1 is too long, or no name",
		"&a {upstreams: {}}\n":           "edge.yaml: cannot be formatted without a change of what it says",
		strings.Repeat("k", 200) + ": b": "a key in line 1 is too long, or no name",
	} {
		if got, err := Format("edge.yaml", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %s, error %v, want %s", text, got, err, want)
		}
	}
}

// TestFormatChangesNoMeaning writes good and bad files as people may, with odd
// indentation, quotes, units and comments, and holds that formatting takes all of that
// away and nothing else: the same configuration or the same faults, the same comments,
// one text for all ways of writing, and nothing to do the second time.
func TestFormatChangesNoMeaning(t *testing.T) {
	var files [][]byte
	for _, data := range examples(t) {
		files = append(files, data)
	}
	for _, story := range testkit.Stories(t, "testdata/invalid/*.txtar") {
		for _, f := range story.Files {
			if _, err := Format("edge.yaml", f.Data); f.Name == "edge.yaml" && err == nil {
				files = append(files, f.Data)
			}
		}
	}
	if len(files) < 200 {
		t.Fatalf("only %d files can be formatted", len(files))
	}
	rapid.Check(t, func(t *rapid.T) {
		file := rapid.SampledFrom(files).Draw(t, "file")
		plain, _ := Format("edge.yaml", file)
		root, _ := parseYAML("edge.yaml", plain)
		w := writer{t: t, step: rapid.IntRange(1, 5).Draw(t, "step"), comments: rapid.Bool().Draw(t, "comments")}
		w.mapping(root, 0, field{typ: configType})
		written := w.out.Bytes()
		formatted, err := Format("edge.yaml", written)
		if err != nil {
			t.Fatalf("%v:\n%s", err, written)
		}
		if got, want := meaning(formatted), meaning(written); got != want {
			t.Fatalf("it says something else:\n%s\nbefore\n%s\n%s\nafter\n%s", want, written, got, formatted)
		}
		if again, err := Format("edge.yaml", formatted); err != nil || !bytes.Equal(again, formatted) {
			t.Fatalf("the second time (%v):\n%s\nafter\n%s\nof\n%s", err, again, formatted, written)
		}
		if w.braced {
			return // the writer has put sections into braces, where they stay
		}
		if bare, _ := Format("edge.yaml", withoutNotes(plain)); !bytes.Equal(withoutNotes(formatted), bare) {
			t.Fatalf("another text:\n%s\nwant\n%s\nof\n%s", withoutNotes(formatted), bare, written)
		}
	})
}

// meaning is the configuration that a file makes, or its faults without their lines.
func meaning(data []byte) string {
	root, problem := parseYAML("edge.yaml", data)
	if problem != nil {
		return problem.Text
	}
	cfg, err := merge(fileLayer("edge.yaml", root), Options{})
	var problems *Problems
	if errors.As(err, &problems) {
		var all []string
		for _, p := range *problems {
			all = append(all, p.Key+": "+ofLine.ReplaceAllString(p.Text, ""))
		}
		return strings.Join(all, "\n")
	}
	masked, _ := Masked(cfg)
	return string(masked)
}

var ofLine = regexp.MustCompile(`in line \d+`)

// withoutNotes takes comments and empty lines off a formatted file.
func withoutNotes(data []byte) []byte {
	root, _ := parseYAML("edge.yaml", data)
	lines := bytes.Split(data, []byte("\n"))
	for _, n := range notesIn(data, root) {
		lines[n.line-1] = bytes.TrimRight([]byte(string([]rune(string(lines[n.line-1]))[:n.column])), " ")
	}
	var out []byte
	for _, line := range lines {
		if len(line) > 0 {
			out = append(append(out, line...), '\n')
		}
	}
	return out
}

// writer writes a tree in one of many ways.
type writer struct {
	t        *rapid.T
	out      bytes.Buffer
	step     int
	comments bool
	braced   bool
	count    int
}

func (w *writer) odd(of int) bool { return rapid.IntRange(0, of).Draw(w.t, "odd") == 0 }

func (w *writer) between() {
	for w.odd(4) {
		w.out.WriteString(strings.Repeat(" ", rapid.IntRange(0, 3).Draw(w.t, "spaces")) + "\n")
	}
	for w.comments && w.odd(4) {
		w.count++
		fmt.Fprintf(&w.out, "%s#note %d, 'of' \"it\": [\n", strings.Repeat(" ", rapid.IntRange(0, 12).Draw(w.t, "column")), w.count)
	}
}

func (w *writer) endLine() {
	if w.comments && w.odd(4) {
		w.count++
		fmt.Fprintf(&w.out, "   # trailing %d", w.count)
	}
	w.out.WriteString("\n")
}

func (w *writer) mapping(n *yaml.Node, indent int, f field) {
	for i := 0; i < len(n.Content); i += 2 {
		w.between()
		k, v := n.Content[i], n.Content[i+1]
		w.out.WriteString(strings.Repeat(" ", indent) + w.scalar(k, field{typ: durationless}) + ":")
		sub := f.at(k.Value)
		switch {
		case len(v.Content) == 0 || v.Style&yaml.FlowStyle != 0:
			if v.Value != "" || v.Kind != yaml.ScalarNode || v.ShortTag() == "!!str" {
				w.out.WriteString(strings.Repeat(" ", rapid.IntRange(1, 3).Draw(w.t, "gap")) + w.inLine(v, sub))
			}
			w.endLine()
		case v.Kind == yaml.MappingNode:
			w.endLine()
			w.mapping(v, indent+w.step, sub)
		default:
			w.endLine()
			dash := indent
			if w.odd(1) {
				dash += w.step
			}
			for _, item := range v.Content {
				w.between()
				w.braced = w.braced || len(item.Content) > 0 && item.Style&yaml.FlowStyle == 0
				w.out.WriteString(strings.Repeat(" ", dash) + "-" + strings.Repeat(" ", w.step) + w.inLine(item, field{typ: durationless}))
				w.endLine()
			}
		}
	}
}

// durationless is the type of what has no units.
var durationless = configType.Field(0).Type.Field(0).Type

func (w *writer) inLine(n *yaml.Node, f field) string {
	var parts []string
	switch n.Kind {
	case yaml.MappingNode:
		if n.Anchor != "" {
			bare := *n
			bare.Anchor = ""
			return "&" + n.Anchor + " " + w.inLine(&bare, f)
		}
		for i := 0; i < len(n.Content); i += 2 {
			parts = append(parts, w.scalar(n.Content[i], field{typ: durationless})+": "+w.inLine(n.Content[i+1], f.at(n.Content[i].Value)))
		}
		return "{" + strings.Join(parts, " , ") + "}"
	case yaml.SequenceNode:
		for _, item := range n.Content {
			parts = append(parts, w.inLine(item, field{typ: durationless}))
		}
		return "[ " + strings.Join(parts, ", ") + " ]"
	case yaml.AliasNode:
		return "*" + n.Value + " "
	}
	return w.scalar(n, f)
}

func (w *writer) scalar(n *yaml.Node, f field) string {
	text, anchor := n.Value, ""
	if n.Anchor != "" {
		anchor = "&" + n.Anchor + " "
	}
	if f.typ == durationType || f.typ == sizeType {
		text = map[string]string{"600s": "10m", "1h": "3600s", "90s": "1m30s", "64KiB": "65536B", "1MiB": "1024KiB"}[text]
		if text == "" || w.odd(1) {
			text = n.Value
		}
	}
	if n.ShortTag() != "!!str" {
		return anchor + text
	}
	plain := strings.Trim((&printer{}).encoded(&yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{canonicalText(stringNode(text))}}), "[]")
	switch rapid.IntRange(0, 2).Draw(w.t, "quotes") {
	case 0:
		if !strings.ContainsAny(text, "\n\r\t") {
			return anchor + "'" + strings.ReplaceAll(text, "'", "''") + "'"
		}
	case 1:
		return anchor + strings.TrimSpace((&printer{}).encoded(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}))
	}
	return anchor + plain
}

// FuzzFormat: of whatever can be read, nothing is lost.
func FuzzFormat(f *testing.F) {
	for _, story := range testkit.Stories(f, "testdata/*/*.txtar") {
		f.Add(story.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		formatted, err := Format("edge.yaml", data)
		if err != nil {
			return
		}
		if got, want := meaning(formatted), meaning(data); got != want {
			t.Fatalf("it says something else:\n%s\nbefore\n%q\n%s\nafter\n%s", want, data, got, formatted)
		}
		if again, err := Format("edge.yaml", formatted); err != nil || !bytes.Equal(again, formatted) {
			t.Fatalf("the second time (%v):\n%s\nafter\n%s\nof\n%q", err, again, formatted, data)
		}
	})
}
