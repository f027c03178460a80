package carryover

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// ReadNamedValues reads what named values stand for: a mapping of names to values, or a
// list as az apim nv list prints it. JSON is YAML.
func ReadNamedValues(data []byte) (map[string]NamedValue, error) {
	var root any
	if yaml.Unmarshal(data, &root) != nil {
		return nil, errors.New("no YAML and no JSON") // what the parser says repeats values
	}
	all := map[string]NamedValue{}
	switch t := root.(type) {
	case map[string]any:
		for name, v := range t {
			all[name] = namedValueOf(v)
		}
	case []any:
		for i, v := range t {
			m, ok := v.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("element %d of the list is no named value", i+1)
			}
			if p, ok := m["properties"].(map[string]any); ok {
				m = p
			}
			name, ok := m["displayName"].(string)
			if !ok {
				return nil, fmt.Errorf("element %d of the list has no displayName", i+1)
			}
			all[name] = namedValueOf(m)
		}
	default:
		return nil, errors.New("want a mapping of names to values, or a list of named values")
	}
	return all, nil
}

func namedValueOf(v any) NamedValue {
	m, ok := v.(map[string]any)
	if !ok {
		return NamedValue{Value: fmt.Sprint(v)}
	}
	var nv NamedValue
	nv.Value, _ = m["value"].(string)
	nv.Secret, _ = m["secret"].(bool)
	if vault, ok := m["keyVault"].(map[string]any); ok {
		nv.Vault, _ = vault["secretIdentifier"].(string)
	}
	return nv
}
