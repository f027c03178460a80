package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// key is one key of the configuration with all that is known of it.
type key struct {
	name     string // its last part
	path     string // dotted, with <name> for what operators choose
	text     string // the field's comment
	typ      reflect.Type
	tag      reflect.StructTag
	value    reflect.Value // in the sample
	children []key         // of a section
	element  *key          // of a section of names
	items    *key          // of a list of sections
}

// readComments returns the comments of the keys in all files of a folder, by
// Type.Field.
func readComments(folder string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		addComments(texts, file)
	}
	return texts, nil
}

func addComments(texts map[string]string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				if field.Tag == nil || !strings.Contains(field.Tag.Value, "koanf:") {
					continue
				}
				for _, name := range field.Names {
					texts[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
		}
		return true
	})
}

// tree describes a value of a section, and all below it.
func tree(texts map[string]string, path string, section reflect.Value, name string) key {
	k := key{name: name, path: path, typ: section.Type(), value: section}
	for i := range k.typ.NumField() {
		field := k.typ.Field(i)
		name := field.Tag.Get("koanf")
		if name == "" {
			continue
		}
		child := key{name: name, path: strings.TrimPrefix(path+"."+name, "."), typ: field.Type, value: section.Field(i)}
		switch {
		case child.isPairs():
		case field.Type.Kind() == reflect.Map:
			only := section.Field(i).MapKeys()[0]
			element := tree(texts, child.path+".<name>", section.Field(i).MapIndex(only), only.String())
			child.element = &element
		case child.isListed():
			items := tree(texts, child.path+"[]", reflect.Zero(field.Type.Elem()), "")
			child.items = &items
		case child.isSection():
			child = tree(texts, child.path, section.Field(i), name)
		}
		child.text, child.tag = texts[k.typ.Name()+"."+field.Name], field.Tag
		k.children = append(k.children, child)
	}
	return k
}

func (k key) isSection() bool {
	return k.typ.Kind() == reflect.Struct && k.typ != reflect.TypeFor[config.Duration]() && k.typ != reflect.TypeFor[config.Size]() && k.typ != reflect.TypeFor[config.Share]()
}

// isListed reports whether the key is a list of sections.
func (k key) isListed() bool {
	return k.typ.Kind() == reflect.Slice && k.typ.Elem().Kind() == reflect.Struct
}

// hasKeys reports whether keys stand below it.
func (k key) hasKeys() bool { return k.isSection() || k.element != nil }

// examples are names that only show what could stand there: a bridge that is off has no
// models, and a route by itself asks for no field.
var examples = map[string]bool{
	"routes.<name>.bridge.models.<name>":   true,
	"routes.<name>.require.headers.<name>": true,
}

// isPairs reports whether the key is a map of texts, which is written in one piece.
func (k key) isPairs() bool { return k.typ == reflect.TypeFor[map[string]string]() }

func (k key) oneOf() []string { return strings.Fields(k.tag.Get("oneof")) }

// allowed says what may be written, in words.
func (k key) allowed() string {
	if k.items != nil {
		return "a list of sections"
	}
	switch k.value.Interface().(type) {
	case config.Duration:
		return k.bounded("a time with a unit")
	case config.Size:
		return k.bounded("a size with a unit")
	case config.Share:
		return "a number from 0 to 1"
	case bool:
		return "`true` or `false`"
	case int:
		if high := k.tag.Get("max"); high != "" {
			return "a whole number from 0 to " + high
		}
		return "a whole number from 0"
	case []string:
		return "a list"
	case map[string]string:
		return "names and texts"
	}
	if choices := k.oneOf(); len(choices) > 0 {
		return "`" + strings.Join(choices, "`, `") + "`"
	}
	if k.tag.Get("secret") == "reference" {
		return "`env:NAME`, `file:/path` or `keyvault:URL`"
	}
	return "a text"
}

func (k key) bounded(what string) string {
	low, high := k.tag.Get("min"), k.tag.Get("max")
	switch {
	case high != "":
		return what + ", " + low + " to " + high
	case low != "" && k.tag.Get("zero") == "ok":
		return what + ", 0 or from " + low
	case low != "":
		return what + ", from " + low
	}
	return what
}

// special are the defaults that are no values.
var special = map[string]string{
	"upstreams.<name>.url":   "none, it must be given",
	"routes.<name>.upstream": "the only upstream",

	"token_policies.<name>.tenant_id":  "empty",
	"token_policies.<name>.audiences":  "none, it must be given",
	"token_policies.<name>.cloud":      "`public`, where `tenant_id` is set",
	"token_policies.<name>.algorithms": "`[RS256, ES256]`; `[RS256]` where `tenant_id` is set",
	"token_policies.<name>.header":     "`Authorization`, where `query` is empty",
	"clients.<name>.keys":              "none, they must be given",
	// By what else is written.
	"routes.<name>.upstreams[].name":                "none, it must be given",
	"routes.<name>.upstreams[].shape":               "that of `bridge.to`",
	"routes.<name>.upstreams[].priority":            "`1`",
	"routes.<name>.upstreams[].weight":              "`1`; with callers `0`",
	"upstreams.<name>.auth.header":                  "`api-key`; with managed_identity `Authorization`",
	"routes.<name>.bridge.models.<name>.deployment": "the name of the model",
}

// fallback says what holds where the key is not written.
func (k key) fallback() string {
	if k.items != nil {
		return "empty"
	}
	if words, ok := special[k.path]; ok {
		return words
	}
	switch v := k.value.Interface().(type) {
	case string:
		return cmp.Or(code(v), "empty")
	case map[string]string:
		return "empty"
	case []string:
		if len(v) == 0 {
			return "empty"
		}
		return code("[" + strings.Join(v, ", ") + "]")
	default:
		return code(fmt.Sprint(v))
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// variable returns the name of the environment variable, or that there is none.
func (k key) variable() string {
	if k.items != nil || strings.Contains(k.path, "[]") {
		return ""
	}
	return "APIM_EDGE__" + strings.ToUpper(strings.ReplaceAll(k.path, ".", "__"))
}
