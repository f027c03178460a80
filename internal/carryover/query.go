package carryover

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/rewrite"
)

// parameter is one of the query that the upstream is sent other than the client has sent it.
type parameter struct{ name, part, value, from string }

// The parts of query of a route.
const (
	always    = "set"
	otherwise = "default"
	never     = "remove"
)

// setQuery carries over what becomes of a parameter of the query. The key in the query the
// edge takes out by itself.
func setQuery(p *policy) {
	name, action := p.parameterName(), strings.ToLower(p.attrText("exists-action"))
	p.later(func() {
		switch {
		case p.failed(Request):
		case action == "delete" && strings.EqualFold(name, "subscription-key"):
			p.nothing(p.spot, "apim-edge takes a key out of the query by itself (credential.query_aliases)")
		case config.IsKeyParameter(name):
			p.refused(Request, "a parameter with a key, which the rules of credential deal with")
		case p.readsToken(name):
			p.refused(Request, "a parameter with a token, which apim-edge passes on")
		case rewrite.ParameterFault(name) != "":
			p.refused(Request, rewrite.ParameterFault(name))
		case action == "delete":
			p.changeQuery(parameter{name, never, "", p.from()})
		case action == "append":
			p.refused(Request, "apim-edge puts no second parameter beside one that is there")
		case action != "override" && action != "skip" && action != "":
			p.refused(Request, "exists-action is none of override, skip, append and delete")
		case !only(p.el, "value"):
			p.refused(Request, "several values, or none; apim-edge sets a parameter once")
		default:
			p.setParameter(name, map[bool]string{true: otherwise, false: always}[action == "skip"])
		}
	})
}

// parameterName returns the name of the parameter. A plain one may have a $, as $top, which
// no other text of a configuration has.
func (p *policy) parameterName() string {
	a := p.el.Attr("name")
	if a == nil || a.Value.Kind != apimpolicy.Literal || strings.Contains(a.Value.Text, "{") || rewrite.ParameterFault(a.Value.Text) != "" {
		return p.attrText("name")
	}
	p.used[a] = true
	return a.Value.Text
}

// readsToken reports whether a token that the route asks for stands in the parameter.
func (p *policy) readsToken(name string) bool {
	return slices.ContainsFunc(p.policies, func(t tokenPolicy) bool {
		return slices.Contains(p.tokens, t.name) && strings.EqualFold(t.options.Query, name)
	})
}

func (p *policy) setParameter(name, part string) {
	value, why := p.route.text(p.route.followed(p.textIn(p.el.Children[0])))
	if why != "" {
		p.refused(Request, why)
		return
	}
	p.changeQuery(parameter{name, part, value, p.from()})
}

// changeQuery adds a change to those of the route. They run one after another, so that a
// later one is about what the earlier ones have left.
func (p *policy) changeQuery(change parameter) {
	at := slices.IndexFunc(p.query, func(q parameter) bool { return strings.EqualFold(q.name, change.name) })
	switch {
	case at < 0 && len(p.query) == rewrite.MaxParameters:
		p.refused(Request, "more parameters than apim-edge changes, "+itoa(rewrite.MaxParameters))
		return
	case at < 0:
		p.query = append(p.query, change)
	case change.part == otherwise && p.query[at].part != never:
		p.nothing(p.spot, "the parameter is there already: "+p.query[at].from)
		return
	case change.part == otherwise: // it was taken off
		change.part = always
		p.query[at] = change
	default:
		p.query[at] = change
	}
	p.carried(p.routeKey("query." + change.part))
}

// writeQuery returns the section of the changes.
func (r *route) writeQuery() section {
	s := newSection()
	remove := &yaml.Node{Kind: yaml.SequenceNode}
	parts := map[string]section{always: newSection(), otherwise: newSection()}
	for _, q := range r.query {
		if part, ok := parts[q.part]; ok {
			part.text(q.name, q.value, q.from)
			continue
		}
		remove.Content = append(remove.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: q.name, LineComment: comment(q.from)})
	}
	s.under(always, parts[always], "")
	s.under(otherwise, parts[otherwise], "")
	if len(remove.Content) > 0 {
		s.add(never, remove, "")
	}
	return s
}
