package carryover

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/rewrite"
)

// headers are the fields that a request must have.
type headers struct {
	all    []requiredHeader
	checks []*apimpolicy.Element // of which they are made
}

// requiredHeader is one of them.
type requiredHeader struct {
	name       string
	ignoreCase bool
	values     []headerValue // none: any will do
	from       string
}

// headerValue is where a value stands that the field may have, and how the policy has it.
type headerValue struct{ ref, text, from string }

// checkHeader carries over a check that a field is there, and has one of some values. The
// field of the key is under the credential rules.
func checkHeader(p *policy) {
	name, code := p.attrText("name"), p.attrText("failed-check-httpcode")
	message, ignore := p.attrText("failed-check-error-message"), strings.ToLower(p.attrText("ignore-case"))
	if p.failed(Access) {
		return
	}
	if message != "" {
		p.note("the text of the answer is apim-edge's")
	}
	p.later(func() {
		switch {
		case isKeyField(strings.ToLower(name), p.route) || strings.EqualFold(name, p.credentialHeader()):
			p.checkKey(code)
		case config.RequiredFault(name) != "":
			p.refused(Access, config.RequiredFault(name))
		case p.governs(name):
			p.refused(Access, "a field that apim-edge writes itself, or servers take for one")
		case ignore != "true" && ignore != "false" && ignore != "":
			p.refused(Access, "ignore-case is neither true nor false")
		default:
			if code != "403" {
				p.note("who lacks it gets 403, not " + code)
			}
			p.require(requiredHeader{name: name, ignoreCase: ignore == "true", from: p.from()})
		}
	})
}

// checkKey carries over a check that the key is there.
func (p *policy) checkKey(code string) {
	switch {
	case len(p.el.Children) > 0:
		p.refused(Access, "apim-edge compares no key with a value of a policy; issue one (clients, apim-edge key new)")
	case code != "401":
		p.refused(Access, "apim-edge answers 401 where the credential is missing (on_missing: reject)")
	default:
		p.rejectMissing()
	}
}

// governs reports whether a field, or one that some servers take for it, is one of
// credentials or of claims.
func (p *policy) governs(name string) bool {
	others := append(sortedKeys(keyFields), p.credentialHeader())
	if p.key != nil {
		others = append(others, p.key.value.header)
	}
	for _, c := range p.claims {
		others = append(others, c.field)
	}
	return slices.ContainsFunc(others, func(other string) bool {
		return rewrite.Compare([]byte(name), strings.ToLower(other)) != rewrite.Different
	})
}

// require adds a check to those of the route. Each of them has to let a request pass: of
// two for one field it is what is in both.
func (p *policy) require(h requiredHeader) {
	var known *requiredHeader
	for i := range p.headers.all {
		if strings.EqualFold(p.headers.all[i].name, h.name) {
			known = &p.headers.all[i]
		}
	}
	for _, e := range p.el.Children {
		if e.Name != "value" {
			p.refused(Access, "there is something in it that is no value")
			return
		}
		if why := p.value(&h, e); why != "" {
			p.refused(Access, "value: "+why)
			return
		}
	}
	switch {
	case known == nil:
		p.headers.all = append(p.headers.all, h)
	case len(h.values) == 0:
	case len(known.values) == 0:
		known.values, known.ignoreCase = h.values, h.ignoreCase
	case known.ignoreCase != h.ignoreCase:
		p.refused(Access, "there is a check of the field already, at "+known.from+", of which one only looks at upper and lower case")
		return
	default:
		both := slices.DeleteFunc(slices.Clone(known.values), func(v headerValue) bool {
			return !slices.ContainsFunc(h.values, func(other headerValue) bool { return other.text == v.text })
		})
		if len(both) == 0 {
			p.refused(Access, "no value is in this check and in that of "+known.from+" as well, so that nobody may call")
			return
		}
		p.note("what is in this check and in the one before it")
		known.values = both
	}
	p.headers.checks = append(p.headers.checks, p.el)
	p.carried(p.routeKey("require.headers"))
}

// value adds a value to a field, by reference. What stands in the policy itself becomes a
// variable with the name of the field.
func (p *policy) value(h *requiredHeader, e *apimpolicy.Element) (why string) {
	v := p.route.followed(p.textIn(e))
	variable := p.valueNames.of(environName(p.name+" "+h.name), v.Text)
	ref, why := p.route.secret(v, variable)
	switch {
	case why != "":
		return why
	case slices.ContainsFunc(h.values, func(known headerValue) bool { return known.ref == ref.ref }):
		return ""
	case ref.ref == "env:"+variable:
		ref.note = "a value stands in the policy itself; it has to be put into the variable " + variable
	}
	if ref.note != "" {
		p.note(ref.note)
	}
	h.values = append(h.values, headerValue{ref.ref, v.Text, place(spot{doc: p.doc, el: e}) + " value"})
	return ""
}

// valueNames are variables by what they hold.
type valueNames map[string][]string

// of returns the name for a text, with a number where the first one holds another text.
func (n valueNames) of(name, text string) string {
	i := slices.Index(n[name], text)
	if i < 0 {
		n[name] = append(n[name], text)
		i = len(n[name]) - 1
	}
	if i == 0 {
		return name
	}
	return name + "_" + itoa(i+1)
}

// asStrictAs reports whether who has passed these has passed the others as well.
func (h *headers) asStrictAs(other *headers) bool { return haveAll(h.checks, other.checks) }

// haveAll reports whether each of others is one of these.
func haveAll(these, others []*apimpolicy.Element) bool {
	return !slices.ContainsFunc(others, func(e *apimpolicy.Element) bool { return !slices.Contains(these, e) })
}

func (h *headers) write() section {
	s := newSection()
	for _, one := range h.all {
		if len(one.values) == 0 {
			s.add(one.name, &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}, one.from)
			continue
		}
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, v := range one.values {
			list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v.ref, LineComment: comment(v.from)})
		}
		field := s.below(one.name, one.from)
		field.add("values", list, "")
		if one.ignoreCase {
			field.plain("ignore_case", "true", one.from)
		}
	}
	return s
}
