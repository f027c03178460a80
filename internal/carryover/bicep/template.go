package bicep

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// IsTemplate reports whether a JSON text is a template of Azure Resource Manager, which
// is what Bicep is compiled to.
func IsTemplate(text string) bool {
	return strings.Contains(text, "deploymentTemplate.json") && strings.Contains(text, service)
}

const (
	service    = "Microsoft.ApiManagement/service"
	deployment = "Microsoft.Resources/deployments"
)

// ReadTemplate reads such a template, with those that are nested in it. Names of
// resources, which hold those of what they belong to, become symbols: apis/chat.
func ReadTemplate(text string) (*File, error) {
	d := &decoder{Decoder: json.NewDecoder(strings.NewReader(text))}
	d.UseNumber()
	root, err := d.value()
	if err != nil || root.Object == nil {
		return nil, errors.New("no JSON of a template")
	}
	f := &File{Names: map[string]Value{}}
	newScope(root, nil).resources(f, root.Property("resources"), nil)
	return f, nil
}

// decoder reads values with the places at which they stand.
type decoder struct {
	*json.Decoder
	depth int
}

// mostNested is how deep values may stand in each other.
const mostNested = 500

func (d *decoder) value() (v Value, err error) {
	token, err := d.Token()
	if err != nil {
		return v, err
	}
	if d.depth++; d.depth > mostNested {
		return v, errors.New("nested too deeply")
	}
	defer func() { d.depth-- }()
	v.Offset = int(d.InputOffset())
	switch t := token.(type) {
	case json.Delim:
		return d.inside(v, t)
	case string:
		if code, ok := expression(t); ok {
			v.Code = code
		} else {
			v.Text = &Text{Value: strings.TrimPrefix(t, "[")}
			if !strings.HasPrefix(t, "[[") {
				v.Text.Value = t
			}
		}
	case json.Number:
		v.Code = t.String()
	case bool:
		v.Code = map[bool]string{true: "true", false: "false"}[t]
	}
	return v, nil
}

// expression returns what stands in [ and ]. A text that begins with [ has two.
func expression(text string) (code string, ok bool) {
	inside, ok := strings.CutPrefix(text, "[")
	if !ok || strings.HasPrefix(inside, "[") || !strings.HasSuffix(inside, "]") {
		return "", false
	}
	return strings.TrimSuffix(inside, "]"), true
}

func (d *decoder) inside(v Value, opened json.Delim) (Value, error) {
	if opened == '{' {
		v.Object = map[string]Value{}
	}
	for d.More() {
		name := ""
		if opened == '{' {
			token, err := d.Token()
			if err != nil {
				return v, err
			}
			name, _ = token.(string)
		}
		one, err := d.value()
		if err != nil {
			return v, err
		}
		if opened == '{' {
			v.Object[name] = one
		} else {
			v.List = append(v.List, one)
		}
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		return v, err
	}
	return v, nil
}

// resources adds the resources of a list. Those of API Management are kept.
func (s *scope) resources(f *File, list Value, parent *Resource) {
	all := list.List
	for _, name := range sorted(list.Object) { // with names of their own, as newer compilers write them
		all = append(all, list.Object[name])
	}
	for _, one := range all {
		if one.Object == nil {
			continue
		}
		kind, _ := s.text(one.Property("type"), 0)
		if kind == deployment {
			inner := one.Property("properties", "template")
			newScope(inner, s.given(one.Property("properties", "parameters"))).resources(f, inner.Property("resources"), nil)
			continue
		}
		r := s.resource(one, kind, parent)
		if parent != nil || strings.HasPrefix(kind, service) {
			f.Resources = append(f.Resources, r)
		}
		s.resources(f, one.Property("resources"), r)
	}
}

// resource is one with its texts resolved, as far as they can be.
func (s *scope) resource(one Value, kind string, parent *Resource) *Resource {
	r := &Resource{Type: kind, Parent: parent, Body: s.resolved(one), Offset: one.Offset}
	segments := strings.Split(s.lenient(one.Property("name")), "/")
	last := segments[len(segments)-1]
	r.Body.Object["name"] = Value{Text: &Text{Value: last}}
	switch {
	case parent != nil:
		r.Symbol = parent.Symbol + "/" + strings.Join(segments, "/")
	case len(segments) == 1:
		r.Symbol = last
	default:
		r.Symbol = strings.Join(segments[1:], "/")
		r.Body.Object["parent"] = Value{Code: strings.Join(segments[1:len(segments)-1], "/")}
	}
	return r
}
