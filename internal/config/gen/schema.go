package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// schema is a JSON Schema, as far as it is needed here. Draft 7 is the one that
// editors know best.
type schema struct {
	Schema               string             `json:"$schema,omitempty"`
	Ref                  string             `json:"$ref,omitempty"`
	Title                string             `json:"title,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 []string           `json:"type,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	PropertyNames        *schema            `json:"propertyNames,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	AnyOf                []*schema          `json:"anyOf,omitempty"`
	AllOf                []*schema          `json:"allOf,omitempty"`
	Not                  *schema            `json:"not,omitempty"`
	If                   *schema            `json:"if,omitempty"`
	Then                 *schema            `json:"then,omitempty"`
	Const                *int               `json:"const,omitempty"`
	Minimum              *int               `json:"minimum,omitempty"`
	Maximum              *int               `json:"maximum,omitempty"`
	MinLength            int                `json:"minLength,omitempty"`
	MaxLength            int                `json:"maxLength,omitempty"`
	MaxItems             int                `json:"maxItems,omitempty"`
	UniqueItems          bool               `json:"uniqueItems,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Default              any                `json:"default,omitempty"`
	Definitions          map[string]*schema `json:"definitions,omitempty"`
}

func schemaFile(root key) ([]byte, error) {
	s := schemaOf(root)
	s.Schema, s.Title = "http://json-schema.org/draft-07/schema#", "apim-edge"
	s.Type, s.Definitions = []string{"object"}, definitions
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(s)
	return out.Bytes(), err
}

// stringKind is the kind of a key with one text.
const stringKind = reflect.String

func schemaOf(k key) *schema {
	s := &schema{Description: k.text}
	switch {
	case k.element != nil:
		s.Type = []string{"object", "null"}
		s.PropertyNames = ref(cmp.Or(namedBy[k.path], "name"), false)[0]
		s.AdditionalProperties = schemaOf(*k.element)
	case k.items != nil:
		s.Type, s.Items, s.MaxItems = []string{"array"}, schemaOf(*k.items), config.MaxUpstreams // the only such list
	case k.isSection():
		s.Type = []string{"object", "null"} // all of its keys may be commented out
		s.Properties = map[string]*schema{}
		s.AdditionalProperties = false
		for _, child := range k.children {
			s.Properties[child.name] = schemaOf(child)
		}
	default:
		s.scalar(k)
	}
	return s
}

func (s *schema) scalar(k key) {
	zero, one := 0, 1
	if _, ok := special[k.path]; !ok {
		s.Default = k.value.Interface()
	}
	switch v := k.value.Interface().(type) {
	case config.Duration:
		s.Default = v.String()
		s.measure(k, "duration")
	case config.Size:
		s.Default = v.String()
		s.measure(k, "size")
	case config.Share:
		s.Default, s.Type, s.Minimum, s.Maximum = v.Of, []string{"number"}, &zero, &one
	case bool:
		s.Type = []string{"boolean"}
	case int:
		s.number(k)
	case map[string]string:
		s.Type, s.AdditionalProperties, s.Default = []string{"object", "null"}, k.word(), nil
		if name := namedBy[k.path]; name != "" {
			s.PropertyNames = ref(name, false)[0]
		}
	case []string:
		s.Type, s.Items = []string{"array"}, k.word()
		if k.path == "routes.<name>.credential.query_aliases" {
			s.UniqueItems, s.MaxItems = true, 16
		}
		if v == nil {
			s.Default = []string{}
		}
	default:
		word := k.word()
		s.Type, s.Enum, s.AllOf = word.Type, word.Enum, word.AllOf
	}
	if reflect.ValueOf(s.Default).Kind() == reflect.String && s.Default == "" {
		s.Default = nil
	}
}

// measure is for values with a unit. 0 needs none, where it means something.
func (s *schema) measure(k key, kind string) {
	zero := 0
	if low := k.tag.Get("min"); low != "" && low != "0" && k.tag.Get("zero") != "ok" {
		s.Type, s.AllOf = []string{"string"}, ref(kind+"_set", false)
		return
	}
	s.AnyOf = []*schema{{Type: []string{"string"}, AllOf: ref(kind, false)}, {Const: &zero}}
}

func (s *schema) number(k key) {
	zero := 0
	s.Type, s.Minimum = []string{"integer"}, &zero
	if low, err := strconv.Atoi(k.tag.Get("min")); err == nil && k.tag.Get("zero") != "ok" {
		s.Minimum = &low
	}
	if high, err := strconv.Atoi(k.tag.Get("max")); err == nil {
		s.Maximum = &high
	}
	if k.path == "token_policies.<name>.failed.status" {
		low, high := 400, 499
		s.AnyOf = []*schema{{Const: &zero}, {Minimum: &low, Maximum: &high}}
	}
}

// word is the schema of one text of a key.
func (k key) word() *schema {
	s := &schema{Type: []string{"string"}}
	if s.Enum = k.oneOf(); len(s.Enum) > 0 {
		if strings.Contains(k.path, "<name>") { // there an empty text is one that is not written
			s.Enum = append(s.Enum, "")
		}
		return s
	}
	if name, empty := k.format(); name != "" {
		s.AllOf = ref(name, empty)
	}
	return s
}
