package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
)

// Masked returns the effective configuration as YAML, in the order of the
// reference. What could be a secret is replaced by ***; references to secrets
// stay. Loading it gives the same configuration again.
func Masked(c Config) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(toNode(field{typ: configType}, reflect.ValueOf(c))); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// Hash returns a short name for the effective configuration without its
// secrets. It differs exactly where Masked differs.
func Hash(c Config) string {
	masked, err := Masked(c)
	if err != nil {
		panic("BUG: a configuration cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(masked)
	return hex.EncodeToString(sum[:6])
}

func toNode(f field, v reflect.Value) *yaml.Node {
	n := &yaml.Node{}
	switch shapeOf(f.typ) {
	case section:
		n.Kind = yaml.MappingNode
		for _, sub := range fieldsOf(f.typ) {
			n.Content = append(n.Content, stringNode(sub.key), toNode(sub, v.Field(sub.index)))
		}
	case named:
		n.Kind = yaml.MappingNode
		byName := map[string]reflect.Value{}
		for _, key := range v.MapKeys() {
			byName[key.String()] = v.MapIndex(key)
		}
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			n.Content = append(n.Content, stringNode(name), toNode(f.below(), byName[name]))
		}
	case listed:
		n.Kind, n.Style = yaml.SequenceNode, yaml.FlowStyle
		for i := range v.Len() {
			n.Content = append(n.Content, toNode(f.below(), v.Index(i)))
		}
	case list:
		n.Kind, n.Style = yaml.SequenceNode, yaml.FlowStyle
		for i := range v.Len() {
			n.Content = append(n.Content, stringNode(mask(f, v.Index(i).String())))
		}
	case pairs:
		n.Kind, n.Style = yaml.MappingNode, yaml.FlowStyle
		for _, name := range sortedNames(v) {
			n.Content = append(n.Content, stringNode(name), stringNode(mask(f, v.MapIndex(reflect.ValueOf(name)).String())))
		}
	case text:
		return stringNode(mask(f, v.String()))
	case duration, size, share:
		n.Kind, n.Value = yaml.ScalarNode, fmt.Sprint(v.Interface())
	case yesNo, number:
		n.Kind, n.Value = yaml.ScalarNode, fmt.Sprint(v.Interface())
	}
	return n
}

func stringNode(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

const masked = "***"

func mask(f field, s string) string {
	switch f.tag.Get("secret") {
	case "reference":
		if s != "" && referenceFault(s) != "" {
			return masked
		}
	case "keys":
		if keysFault(s) != "" {
			return masked
		}
	case "hash":
		if clientkey.HashFault(s) != "" {
			return masked
		}
	case "userinfo":
		return maskURL(s)
	case "proxy":
		return maskProxy(s)
	}
	return s
}
