package carryover

import (
	"regexp"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/rewrite"
)

// choose carries over the few that do what the edge does by itself, and lists the
// others as a whole.
func choose(p *policy) {
	if p.section == "inbound" || p.section == "backend" {
		for _, idiom := range []func(*policy) bool{preflight, missingCredential, keyFromBearer, tokenOrKey, randomBackend} {
			if idiom(p) {
				return
			}
		}
	}
	switch {
	case keepsAway(p.el) && p.section != "outbound" && p.section != "on-error":
		p.refused(Access, "a condition, behind which callers are refused; apim-edge evaluates no expressions")
	case p.section == "outbound" || p.section == "on-error":
		p.refused(Response, "a condition on the answer; apim-edge evaluates no expressions and changes no answers")
	default:
		p.refused(Request, "a condition; apim-edge evaluates no expressions")
	}
}

// single returns the only branch of a choose, with its folded condition.
func (p *policy) single() (when *apimpolicy.Element, condition string) {
	if len(p.el.Children) != 1 || p.el.Children[0].Name != "when" {
		return nil, ""
	}
	return p.el.Children[0], conditionOf(p.el.Children[0])
}

func conditionOf(when *apimpolicy.Element) string {
	a := when.Attr("condition")
	if a == nil || a.Value.Kind != apimpolicy.Expression {
		return ""
	}
	return apimpolicy.Fold(a.Value.Text)
}

// only reports whether an element has one child, of this name.
func only(e *apimpolicy.Element, name string) bool {
	return len(e.Children) == 1 && e.Children[0].Name == name
}

var isPreflight = regexp.MustCompile(`^(?:context\.Request\.Method(?:\.ToUpper\(\))?=="OPTIONS"|context\.Request\.Method\.(?:Equals|equals)\("OPTIONS"(?:,StringComparison\.\w+)?\)|"OPTIONS"==context\.Request\.Method)$`)

// preflight is an answer to OPTIONS by hand: the edge gives it where it has cors.
func preflight(p *policy) bool {
	when, condition := p.single()
	if when == nil || !isPreflight.MatchString(condition) || !only(when, "return-response") {
		return false
	}
	p.later(func() {
		if p.route.cors != nil {
			p.nothing(p.spot, "apim-edge answers preflights by itself (cors of the route)")
			return
		}
		p.refused(Response, "CORS by hand; write cors with allowed_origins at the route, and apim-edge answers preflights")
	})
	return true
}

const present = `(?:context\.Request\.Headers\.ContainsKey\("([\w-]+)"\))`

var (
	fieldMissing = regexp.MustCompile(`^(?:!` + present + `|` + present + `==false|string\.IsNullOr(?:Empty|WhiteSpace)\(` + fieldOf + `\)|` + fieldOf + `==(?:""|null|string\.Empty))$`)
	fieldPresent = regexp.MustCompile(`^(?:` + present + `|` + present + `==true|!string\.IsNullOr(?:Empty|WhiteSpace)\(` + fieldOf + `\)|` + fieldOf + `!=(?:""|null|string\.Empty))$`)
	beginsBearer = regexp.MustCompile(`^` + fieldOf + `\??\.StartsWith\("(?i:bearer) ?"(?:,StringComparison\.\w+)?\)(?:==true)?$`)
)

// fieldAsked returns the field that a condition asks about, in lower case.
func fieldAsked(pattern *regexp.Regexp, condition string) string {
	for _, name := range pattern.FindStringSubmatch(condition) {
		if name != condition && name != "" {
			return strings.ToLower(name)
		}
	}
	return ""
}

// missingCredential is a 401 where the field of a credential is missing.
func missingCredential(p *policy) bool {
	when, condition := p.single()
	if when == nil || !only(when, "return-response") || !isKeyField(fieldAsked(fieldMissing, condition), p.route) {
		return false
	}
	status := when.Children[0].Child("set-status")
	if status == nil || status.Attr("code") == nil || status.Attr("code").Value.Text != "401" {
		return false
	}
	p.useWith(when, "condition")
	p.use(when.Children[0])
	p.useWith(status, "code", "reason")
	p.rejectMissing()
	return true
}

// rejectMissing carries over a check that there is a credential.
func (p *policy) rejectMissing() {
	p.note("a key or token in another place passes as well (docs/credentials.md)")
	p.credential.reject = &sourced[string]{"reject", p.from()}
	p.carried(p.routeKey("credential.on_missing"))
}

// keyFromBearer is what apim-edge is for: the key is taken out of Authorization where
// it stands there.
func keyFromBearer(p *policy) bool {
	when, condition := p.single()
	if when == nil || !only(when, "set-header") || !asksForKeys(condition, p.route) {
		return false
	}
	sub := p.sub(when.Children[0])
	name, action := sub.attrText("name"), sub.attrText("exists-action")
	if rewrite.FieldFault(name) != "" || len(sub.why) > 0 || action == "delete" || !only(sub.el, "value") {
		return false
	}
	value := sub.textIn(sub.el.Children[0])
	if value.Kind != apimpolicy.Expression || !keyOutOf.MatchString(apimpolicy.Fold(value.Text)) {
		return false
	}
	p.useWith(when, "condition")
	p.use(sub.el)
	p.keyGoesInto(name)
	return true
}

// asksForKeys reports whether a condition asks about nothing but fields of credentials.
func asksForKeys(condition string, r *route) bool {
	for part := range strings.SplitSeq(condition, "&&") {
		part = unwrap(part)
		asked := ""
		for _, pattern := range []*regexp.Regexp{fieldMissing, fieldPresent, beginsBearer} {
			if asked == "" {
				asked = fieldAsked(pattern, part)
			}
		}
		if !isKeyField(asked, r) {
			return false
		}
	}
	return true
}

// tokenOrKey is a token that is validated where there is one. Who has none has shown a
// subscription key.
func tokenOrKey(p *policy) bool {
	when, condition := p.single()
	if when == nil || len(when.Children) != 1 {
		return false
	}
	check := when.Children[0]
	asked := fieldAsked(fieldPresent, condition)
	if asked == "" {
		asked = fieldAsked(beginsBearer, condition)
	}
	if check.Name != "validate-jwt" && check.Name != "validate-azure-ad-token" || asked != "authorization" || p.api.Open {
		return false
	}
	p.enter(p.spot, Item{Fate: Carried, Section: p.section, Keys: []string{p.routeKey("require")},
		Reason: "who shows no token has to show a key; subscription keys are API Management's, so these are keys of apim-edge (clients)"}, p.name)
	p.useWith(when, "condition")
	p.used[stepOf{p.use(check)}] = true
	p.unused(p.el)
	p.step(spot{doc: p.doc, el: check}, p.section)
	p.orKey = p.from()
	return true
}

var isNumber = regexp.MustCompile(`^(.+)==(\d+)$`)

// randomBackend is one of several backends by a random number: several upstreams of one
// weight.
func randomBackend(p *policy) bool {
	var all []target
	variable, numbers := "", map[string]bool{}
	for _, branch := range p.el.Children {
		condition, number := isNumber.FindStringSubmatch(conditionOf(branch)), ""
		if !only(branch, "set-backend-service") || branch.Name == "when" && condition == nil {
			return false
		}
		if branch.Name == "when" {
			name, ok := variableIn(condition[1])
			if number = condition[2]; !ok || variable != "" && variable != name || numbers[number] {
				return false
			}
			variable = name
		}
		numbers[number] = true
		sub := p.sub(branch.Children[0])
		targets := sub.backend()
		if len(sub.why) > 0 || len(targets) != 1 {
			return false
		}
		all = append(all, targets...)
	}
	random := p.variables[variable].random
	for number := range numbers {
		if n := atoi(number); number != "" && len(random) > 0 && (n < random[0] || n >= random[1]) {
			return false
		}
	}
	if len(random) == 0 || len(urls(all)) != len(all) || len(all) != random[1]-random[0] || len(all) < 2 {
		return false
	}
	for _, branch := range p.el.Children {
		p.useWith(branch, "condition")
		p.use(branch.Children[0])
	}
	p.targets, p.misled, p.lastBackend = all, false, &p.spot
	p.sticky = &sourced[string]{"none", p.from()}
	p.note("another upstream is asked where one cannot be reached, or says 429 or 503 (failover)")
	p.carried(p.routeKey("upstreams"), p.routeKey("sticky"))
	return true
}
