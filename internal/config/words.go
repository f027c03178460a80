package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// envPrefix has two underscores at its end: Kubernetes sets APIM_EDGE_PORT and
// the like by itself where a Service is named apim-edge.
const envPrefix = "APIM_EDGE__"

// wordLayer is a layer whose values are single words: variables and flags.
type wordLayer struct {
	layer
	below map[string]any // the file's values, for the spelling of names
}

func newWordLayer(below map[string]any) *wordLayer {
	return &wordLayer{layer: layer{origins: map[string]origin{}}, below: below}
}

// variable turns an environment variable into a key and a value for koanf. An
// empty key makes koanf ignore it, as do empty variables: they are what
// container platforms leave where nothing was set.
func (l *wordLayer) variable(name, value string) (string, any) {
	if value == "" {
		return "", nil
	}
	path := strings.Split(strings.ToLower(strings.TrimPrefix(name, envPrefix)), levels)
	name = strings.Trim(strconv.Quote(name), `"`) // it begins a line of text
	at := origin{file: name}
	f, ok := l.lookup(path)
	if !ok {
		l.problems = append(l.problems, unknownVariable(name, path))
		return "", nil
	}
	return l.put(at, path, f, value)
}

// flagValues turns Options.Overrides and Options.Upstream into values by key.
func (l *wordLayer) flagValues(o Options) map[string]any {
	values := map[string]any{}
	if o.Upstream != "" {
		l.flags(values, origin{file: "--upstream"}, map[string]any{
			Key("upstreams", defaultName, "url"):      o.Upstream,
			Key("routes", defaultName, "path_prefix"): "/",
			Key("routes", defaultName, "upstream"):    defaultName,
		})
	}
	l.flags(values, origin{file: "flag"}, o.Overrides)
	return values
}

func (l *wordLayer) flags(values map[string]any, at origin, given map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		path := strings.Split(key, ".")
		f, ok := l.lookup(path)
		if !ok {
			l.problems = append(l.problems, Problem{File: at.file, Key: key, Found: key, Text: "unknown key"})
			continue
		}
		if k, v := l.put(at, path, f, given[key]); k != "" {
			values[k] = v
		}
	}
}

// put checks a value and returns it with its key, as koanf wants them.
func (l *wordLayer) put(at origin, path []string, f field, given any) (string, any) {
	key, want := "", shapeOf(f.typ)
	for _, segment := range path {
		key = option.Child(key, segment)
	}
	l.origins[key] = at
	if words, ok := given.([]string); ok && want == list {
		return strings.Join(path, levels), l.list(at, key, words)
	}
	word := fmt.Sprint(given)
	if want == list {
		return strings.Join(path, levels), l.list(at, key, strings.Split(word, ","))
	}
	if want == pairs {
		return l.pairs(at, key, path, f, word)
	}
	value, meant, ok := want.parse(word)
	if !ok {
		l.problems = append(l.problems, at.problem(key, option.Show(word), want.wanted(), meant))
		return "", nil
	}
	return strings.Join(path, levels), value
}

func (l *wordLayer) list(at origin, key string, words []string) []string {
	values := []string{}
	for _, word := range words {
		if word = strings.TrimSpace(word); word != "" {
			l.origins[option.Element(key, len(values))] = at
			values = append(values, word)
		}
	}
	return values
}

// pairs reads a=b,c=d.
func (l *wordLayer) pairs(at origin, key string, path []string, f field, word string) (string, any) {
	values := map[string]any{}
	for _, pair := range strings.Split(word, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			found := option.Show(pair)
			if f.secret() {
				found = "something that is no name with a text"
			}
			l.problems = append(l.problems, at.problem(key, found, "names and texts, such as a=b,c=d", ""))
			return "", nil
		}
		l.origins[option.Child(key, name)] = at
		values[name] = value
	}
	return strings.Join(path, levels), values
}

// lookup finds what a path of names leads to. Only single values can be set by
// a word, not whole sections. It corrects in place names of the file that a
// variable cannot spell.
func (l *wordLayer) lookup(path []string) (field, bool) {
	f, below := field{typ: configType}, any(l.below)
	for i, segment := range path {
		tree, _ := below.(map[string]any)
		switch shapeOf(f.typ) {
		case section:
			var ok bool
			if f, ok = fieldNamed(f.typ, segment); !ok {
				return field{}, false
			}
		case named:
			path[i] = spelling(segment, tree)
			f = f.below()
		default:
			return field{}, false
		}
		below = tree[path[i]]
	}
	return f, shapeOf(f.typ) >= list
}

// spelling returns the name as the file has it: my_api in a variable is my-api, and
// gpt_4_1 is GPT-4.1, where only that exists, since a shell has no variables with such
// characters.
func spelling(name string, elements map[string]any) string {
	if _, ok := elements[name]; ok {
		return name
	}
	for _, known := range slices.Sorted(maps.Keys(elements)) {
		if inVariable(known) == name {
			return known
		}
	}
	return name
}

// inVariable writes a name as a variable can have it.
func inVariable(name string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' || !isAlphanumeric(byte(r)) {
			return '_'
		}
		return r
	}, strings.ToLower(name))
}

// unknownVariable names the variable that was probably meant, or else what is
// there at the level where the name goes wrong.
func unknownVariable(name string, path []string) Problem {
	p := Problem{File: name, Text: "no such variable"}
	if meant := meantVariable(name); meant != "" {
		p.Allowed, p.Text = meant, p.Text+didYouMean(meant)
		return p
	}
	right, t := []string{}, configType
	for _, segment := range path {
		switch shapeOf(t) {
		case section:
			f, ok := fieldNamed(t, segment)
			if !ok {
				f, ok = fieldNamed(t, nearest(segment, keysOf(t)))
			}
			if !ok {
				return p.allow(right, t)
			}
			segment, t = f.key, f.typ
		case named:
			t = t.Elem()
		default:
			return p.allow(right, t)
		}
		right = append(right, segment)
	}
	if shapeOf(t) < list {
		return p.allow(right, t)
	}
	p.Allowed = variableName(right)
	p.Text += didYouMean(p.Allowed)
	return p
}

// allow lists the variables that begin with the part of a name that is right.
func (p Problem) allow(right []string, t reflect.Type) Problem {
	switch shapeOf(t) {
	case section:
		var choices, next []string
		for _, f := range fieldsOf(t) {
			if shapeOf(f.typ) == listed {
				continue
			}
			next = append(next, strings.ToUpper(f.key))
			choices = append(choices, variableName(append(slices.Clone(right), f.key)))
		}
		p.Allowed = oneOf(choices)
		p.Text += "; after " + variableName(append(right, "")) + " comes " + oneOf(next)
	case named:
		p.Allowed = variableName(right) + levels + "<NAME>" + levels + "<KEY>"
		p.Text += "; the next parts are a name and a key: " + p.Allowed
	case listed:
		p.Allowed = "the file"
		p.Text += ": a list of sections is written in the file"
	default:
		p.Allowed = variableName(right)
		p.Text += "; the name ends after " + p.Allowed
	}
	return p
}

func variableName(path []string) string {
	return envPrefix + strings.ToUpper(strings.Join(path, levels))
}
