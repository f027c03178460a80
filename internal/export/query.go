package export

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// Parameters of the query that the route changes, in each target that can: behind the
// credential rules, which take keys out of it.

// sets are the names of a map of parameters, in order.
func sets(parameters map[string]string) []string { return slices.Sorted(maps.Keys(parameters)) }

// ended are the parameters of which the client's own do not go on.
func (v *view) ended() []string {
	return append(sets(v.route.Query.Set), v.route.Query.Remove...)
}

// haText escapes a text for a format of HAProxy, percent-encoded.
func haText(name, value string) string {
	return strings.ReplaceAll(config.WrittenParameter(name, value), "%", "%%")
}

// queryRules change the query, each parameter by itself. HAProxy's own reading of a query
// knows no percent-escapes in names.
func (h *haproxy) queryRules() {
	if !h.route.Query.Changes() || oddParameter(h.view) {
		return
	}
	h.gap()
	h.note("Parameters of the query that the upstream is sent other than the client has sent them.")
	for _, name := range h.ended() {
		h.do("set-query %s if %s", sq(`%[query,regsub("(^|&)`+haPattern(name)+`(=[^&]*)?(?=&|$)","",ig),regsub("^&","")]`), inQuery(name))
	}
	h.do("set-pathq %%[path] if { query -m found } !{ query -m len 1: }")
	put := func(name, value, condition string) {
		text := haText(name, value)
		h.do("set-query %s if %s{ query -m len 1: }", sq("%[query]&"+text), condition)
		h.do("set-query %s if !{ query -m len 1: }", sq(text))
	}
	for _, name := range sets(h.route.Query.Set) {
		put(name, h.route.Query.Set[name], "")
	}
	for _, name := range sets(h.route.Query.Default) {
		put(name, h.route.Query.Default[name], "!"+inQuery(name)+" ")
	}
}

// inQuery is the condition that a parameter is there.
func inQuery(name string) string {
	return "{ query -m reg -i " + sq("(^|&)"+haPattern(name)+"(=|&|$)") + " }"
}

// haPattern is a name in an expression, without backslashes, which HAProxy reads twice.
func haPattern(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			b.WriteRune(c)
		} else {
			b.WriteString("[" + string(c) + "]")
		}
	}
	return b.String()
}

// oddParameter reports whether a name cannot be written in HAProxy.
func oddParameter(v *view) bool {
	names := slices.Concat(v.ended(), sets(v.route.Query.Default))
	return slices.ContainsFunc(names, func(name string) bool { return !haParameter(name) })
}

var haParameter = regexp.MustCompile(`^[A-Za-z0-9._~$@:!*-]+$`).MatchString

// isExpression reports whether API Management takes a text for one, or for a named value.
func isExpression(text string) bool {
	return strings.HasPrefix(text, "@") || strings.Contains(text, "{{")
}

func setsExpression(v *view) bool     { return anyExpression(v.route.Query.Set) }
func defaultsExpression(v *view) bool { return anyExpression(v.route.Query.Default) }

func anyExpression(values map[string]string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(values)), isExpression)
}

// query writes what is set where it was not, or whatever it was, and what is removed.
func (a *apim) query() {
	q := a.route.Query
	for _, of := range []struct {
		action string
		values map[string]string
	}{{"override", q.Set}, {"skip", q.Default}} {
		for _, name := range sets(of.values) {
			if isExpression(of.values[name]) {
				continue
			}
			a.open(`<set-query-parameter name="%s" exists-action="%s">`, x(name), of.action)
			a.line("<value>%s</value>", x(of.values[name]))
			a.close("</set-query-parameter>")
		}
	}
	for _, name := range q.Remove {
		a.line(`<set-query-parameter name="%s" exists-action="delete" />`, x(name))
	}
}
