package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/apim-edge/apim-edge/internal/config"
)

// schema is a JSON Schema, as far as it is needed here. Draft 7 is the one that
// editors know best.
type schema struct {
	Schema               string             `json:"$schema,omitempty"`
	Title                string             `json:"title,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 []string           `json:"type,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	PropertyNames        *schema            `json:"propertyNames,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	AnyOf                []*schema          `json:"anyOf,omitempty"`
	Const                *int               `json:"const,omitempty"`
	Minimum              *int               `json:"minimum,omitempty"`
	Maximum              *int               `json:"maximum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Default              any                `json:"default,omitempty"`
}

func schemaFile(root key) ([]byte, error) {
	s := schemaOf(root)
	s.Schema, s.Title = "http://json-schema.org/draft-07/schema#", "apim-edge"
	s.Type = []string{"object"}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(s)
	return out.Bytes(), err
}

func schemaOf(k key) *schema {
	s := &schema{Description: k.text}
	switch {
	case k.element != nil:
		s.Type = []string{"object", "null"}
		if k.tag.Get("names") != "any" {
			s.PropertyNames = &schema{Pattern: "^[a-z0-9]+([_-][a-z0-9]+)*$"}
		}
		s.AdditionalProperties = schemaOf(*k.element)
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
		s.AnyOf = []*schema{{Type: []string{"string"}, Pattern: `^(0|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+)$`}, {Const: &zero}}
	case config.Size:
		s.Default = v.String()
		s.AnyOf = []*schema{{Type: []string{"string"}, Pattern: `^(0|[0-9]+(B|KiB|MiB|GiB))$`}, {Const: &zero}}
	case config.Share:
		s.Default, s.Type, s.Minimum, s.Maximum = v.Of, []string{"number"}, &zero, &one
	case bool:
		s.Type = []string{"boolean"}
	case int:
		s.Type, s.Minimum = []string{"integer"}, &zero
		if high, err := strconv.Atoi(k.tag.Get("max")); err == nil {
			s.Maximum = &high
		}
	case map[string]string:
		s.Type, s.AdditionalProperties, s.Default = []string{"object", "null"}, &schema{Type: []string{"string"}}, nil
	case []string:
		s.Type, s.Items = []string{"array"}, &schema{Type: []string{"string"}}
		if v == nil {
			s.Default = []string{}
		}
	default:
		s.Type, s.Enum = []string{"string"}, k.oneOf()
		if k.tag.Get("zero") == "ok" {
			s.Enum = append(s.Enum, "")
		}
	}
	if reflect.ValueOf(s.Default).Kind() == reflect.String && s.Default == "" {
		s.Default = nil
	}
}
