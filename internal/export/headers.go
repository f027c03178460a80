package export

import (
	"maps"
	"slices"
	"strings"
)

// Fields that a request must have, in each target: behind the addresses, and in front of
// all that looks at a credential.

// required are their names, in order.
func (v *view) required() []string { return slices.Sorted(maps.Keys(v.route.Require.Headers)) }

// demands reports whether there are any.
func (v *view) demands() bool { return len(v.route.Require.Headers) > 0 }

// compares reports whether one of them has to have a value.
func compares(v *view) bool {
	return slices.ContainsFunc(v.required(), func(name string) bool { return len(v.route.Require.Headers[name].Values) > 0 })
}

// unreadableHeader is a field that nginx does not see, or "".
func (v *view) unreadableHeader() string {
	for _, name := range v.required() {
		if v.target == Nginx && !plainName(name) {
			return name
		}
	}
	return ""
}

func hasUnreadableHeader(v *view) bool { return v.unreadableHeader() != "" }

// placeOf is where a value of a required field is filled in: the variable that the route
// itself has it from, or one with the name of the field.
func (v *view) placeOf(name string, i int) string {
	ref := v.route.Require.Headers[name].Values[i]
	if variable, ok := strings.CutPrefix(ref, "env:"); ok {
		return variable
	}
	word := func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}
	return strings.Map(word, strings.ToUpper("APIM_EDGE_"+v.name+"_"+name)) + "_" + itoa(i+1)
}

func (v *view) fillHeader(name, place, text string) {
	v.fills = append(v.fills, Fill{Key: "routes." + v.name + ".require.headers." + name + ".values", Place: place, Text: text})
}

// foreignHeader is what is said to who lacks a field. Its name is a token, which needs no
// escapes in JSON.
func foreignHeader(name string) string {
	return "The field " + name + " is missing, or has no value that may use this route."
}

// headerMaps say whether a field has one of its values. The values are in a file that is
// filled in: nginx compares plain texts without regard to case, so that each is an
// expression.
func (n *nginx) headerMaps() {
	if !n.demands() || hasUnreadableHeader(n.view) {
		return
	}
	n.gap()
	n.note("Which fields a request must have.")
	for i, name := range n.required() {
		h := n.route.Require.Headers[name]
		if len(h.Values) == 0 {
			continue
		}
		mark := "~^"
		if h.IgnoreCase {
			mark = "~*^"
		}
		file := "secrets/" + n.name + "-" + strings.ToLower(name) + ".conf"
		line := `"` + mark + `THE VALUE$" yes;`
		n.note(`FILL IN: the file (beside nginx.conf, readable by root alone) has a line for each value, with \ in front of what is no letter, digit, hyphen or space: %s`, line)
		n.fillHeader(name, file, "a line for each of "+strings.Join(h.Values, ", ")+": "+line)
		n.table(fieldVariable(name), "field"+itoa(i+1), "include", file)
	}
}

func (n *nginx) headerRefusals() {
	if hasUnreadableHeader(n.view) {
		return
	}
	for i, name := range n.required() {
		variable := n.v("field" + itoa(i+1))
		if len(n.route.Require.Headers[name].Values) == 0 {
			variable = fieldVariable(name)
		}
		n.line(`if (%s = "") { return 403 %s; }`, variable, refusal(403, foreignHeader(name)))
	}
}

// headerRules refuse by fields. A variable that is not set is equal to nothing.
func (h *haproxy) headerRules() {
	if !h.demands() {
		return
	}
	h.gap()
	h.note("Which fields a request must have.")
	for i, name := range h.required() {
		require, field := h.route.Require.Headers[name], strings.ToLower(name)
		once := "unless { req.fhdr_cnt(" + field + ") eq 1 } { req.fhdr(" + field + ") -m len gt 0 }"
		fold := ""
		if require.IgnoreCase {
			fold = ",lower"
		}
		acl := "field" + itoa(i+1)
		for j, ref := range require.Values {
			place := h.placeOf(name, j)
			h.note("FILL IN: the variable %s of HAProxy's environment holds a value of %s.", place, name)
			h.fillHeader(name, place, "a variable of HAProxy's environment, read at its start: the value of "+ref)
			h.do("set-var(txn.%s_%d) env(%s)%s", acl, j+1, place, fold)
			h.line("acl %s req.fhdr(%s)%s,strcmp(txn.%s_%d) eq 0", acl, field, fold, acl, j+1)
		}
		if len(require.Values) > 0 {
			once += " " + acl
		}
		h.answer(403, foreignHeader(name), once)
	}
}

// headers write the checks. Each has to let a request pass.
func (a *apim) headers() {
	for _, name := range a.required() {
		require := a.route.Require.Headers[name]
		start := `<check-header name="` + x(name) + `" failed-check-httpcode="403" failed-check-error-message="` + x(foreignHeader(name)) + `" ignore-case="%t"`
		if len(require.Values) == 0 {
			a.line(start+" />", require.IgnoreCase)
			continue
		}
		a.open(start+">", require.IgnoreCase)
		for i, ref := range require.Values {
			place := a.placeOf(name, i)
			a.remark("FILL IN: the named value " + place + " (secret) holds what " + ref + " does.")
			a.fillHeader(name, "named value "+place, "a named value that is marked as secret, or one of a Key Vault: the value of "+ref)
			a.line("<value>{{%s}}</value>", place)
		}
		a.close("</check-header>")
	}
}
