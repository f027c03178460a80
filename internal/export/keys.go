package export

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// leaf is one key of the configuration that holds a value.
type leaf struct {
	key     string // with the names that the operator chose: routes.openai.host
	pattern string // without: routes.<name>.host
	value   reflect.Value
}

// The types that are values although they are structs.
var scalars = []reflect.Type{reflect.TypeFor[config.Duration](), reflect.TypeFor[config.Size](), reflect.TypeFor[config.Share]()}

// walk calls visit for each leaf. Without a value (the zero reflect.Value) it walks the
// type alone, with one element in each map and list, so that a test sees every key.
func walk(key, pattern string, t reflect.Type, value reflect.Value, visit func(leaf)) {
	switch {
	case slices.Contains(scalars, t):
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			name := t.Field(i).Tag.Get("koanf")
			if name == "" {
				continue
			}
			var sub reflect.Value
			if value.IsValid() {
				sub = value.Field(i)
			}
			walk(join(key, name), join(pattern, name), t.Field(i).Type, sub, visit)
		}
		return
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		if !value.IsValid() {
			walk(join(key, "<name>"), join(pattern, "<name>"), t.Elem(), value, visit)
			return
		}
		for _, name := range sortedKeys(value) {
			walk(join(key, name), join(pattern, "<name>"), t.Elem(), value.MapIndex(reflect.ValueOf(name)), visit)
		}
		return
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		n := 1
		if value.IsValid() {
			n = value.Len()
		}
		for i := range n {
			var sub reflect.Value
			if value.IsValid() {
				sub = value.Index(i)
			}
			walk(key+"["+itoa(i)+"]", pattern+"[]", t.Elem(), sub, visit)
		}
		return
	}
	visit(leaf{key, pattern, value})
}

func join(key, name string) string { return strings.TrimPrefix(key+"."+name, ".") }

func sortedKeys(m reflect.Value) []string {
	var names []string
	for _, k := range m.MapKeys() {
		names = append(names, k.String())
	}
	slices.Sort(names)
	return names
}

// fate is what becomes of a key in a target.
type fate struct {
	verdict Verdict
	text    string
	// Where when holds, other is what becomes of it.
	when  func(*view) bool
	other *fate
}

// The three verdicts, for tables. What is impossible counts where the key is set.
func does(text string) fate  { return fate{verdict: Expressed, text: text} }
func cant(text string) fate  { return fate{verdict: Impossible, text: text} }
func spare(text string) fate { return fate{verdict: NotNeeded, text: text} }

// but lets another fate hold for some configurations.
func (f fate) but(when func(*view) bool, other fate) fate {
	f.when, f.other = when, &other
	return f
}

// merged puts tables together; later ones win.
func merged(tables ...map[string]fate) map[string]fate {
	all := map[string]fate{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// find returns the row of a pattern: its own, or that of a section above it (a.b.*). row
// is empty where there is none.
func find(rows map[string]fate, pattern string) (row string, found fate) {
	if f, ok := rows[pattern]; ok {
		return pattern, f
	}
	for at := strings.LastIndexByte(pattern, '.'); at > 0; at = strings.LastIndexByte(pattern[:at], '.') {
		if f, ok := rows[pattern[:at]+".*"]; ok {
			return pattern[:at] + ".*", f
		}
	}
	return "", fate{}
}

// unused are sections that a route may leave off: nothing in them has to be expressed.
var unused = []struct {
	section string
	off     func(*view) bool
	text    string
}{
	{"routes.<name>.cors.", func(v *view) bool { return !v.cors() }, "the route has no CORS policy (cors.allowed_origins is empty)"},
	{"routes.<name>.bridge.", func(v *view) bool { return v.route.Bridge.To == "" }, "the route has no bridge"},
	{"routes.<name>.limits.", func(v *view) bool { return !v.route.Limits.Set() }, "the route has no limits"},
	{"census.", func(v *view) bool { return !v.conf.Census.Enabled }, "nobody is counted"},
	{"traces.", func(v *view) bool { return v.conf.Traces.Endpoint == "" }, "nothing is traced"},
	{"routes.<name>.require.addresses.", func(v *view) bool { return !v.addressed() }, "the route may be called from everywhere"},
	{"routes.<name>.query.", func(v *view) bool { return !v.route.Query.Changes() }, "the query goes on as it comes"},
	{"routes.<name>.require.token", asksNobody, nobodyIsAsked},
	{"routes.<name>.require.client", asksNobody, nobodyIsAsked},
	{"routes.<name>.require.match", asksNobody, nobodyIsAsked},
	{"upstreams.<name>.auth.", func(v *view) bool { return !v.up.Auth.Set() }, "the edge shows no credential of its own"},
	{"routes.<name>.sticky", (*view).oneUpstream, oneUpstream},
	{"routes.<name>.failover.", (*view).oneUpstream, oneUpstream},
	{"upstreams.<name>.breaker.", (*view).oneUpstream, oneUpstream},
	{"upstreams.<name>.probe.", (*view).oneUpstream, oneUpstream},
	{"upstreams.<name>.tls.", func(v *view) bool { return !v.secure() }, "the upstream is not reached over TLS"},
}

const nobodyIsAsked = "the route asks nobody for anything"

func asksNobody(v *view) bool { return !v.asks() }

const oneUpstream = "the route has one upstream"

// judge returns what becomes of every key that has to do with the route.
func (v *view) judge(rows map[string]fate) []Key {
	var all []Key
	walk("", "", reflect.TypeFor[config.Config](), reflect.ValueOf(v.conf), func(l leaf) {
		if v.concerns(l.key) {
			all = append(all, v.judgeOne(rows, l))
		}
	})
	return all
}

func (v *view) judgeOne(rows map[string]fate, l leaf) Key {
	row, f := find(rows, l.pattern)
	if row == "" { // TestEveryKeyHasItsRow keeps this from happening
		return Key{l.key, Impossible, "export does not know this key"}
	}
	if name, _, _ := strings.Cut(strings.TrimPrefix(l.key, "upstreams."), "."); strings.HasPrefix(l.pattern, "upstreams.") && name != v.route.Upstream && !v.spreads() {
		return Key{l.key, Impossible, "the document leads to upstream " + v.route.Upstream + " alone"}
	}
	for _, u := range unused {
		if strings.HasPrefix(l.pattern, u.section) && u.off(v) {
			return Key{l.key, NotNeeded, u.text}
		}
	}
	decided := f.when != nil && f.when(v)
	if decided {
		f = *f.other
	}
	if !decided && f.verdict == Impossible && empty(l.value) {
		return Key{l.key, NotNeeded, "it is not set"}
	}
	return Key{l.key, f.verdict, f.text}
}

// empty reports whether a key is not set, or is a list or map without an element.
func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

// concerns reports whether a key has to do with the route: of what has names, those that
// the route leads to.
func (v *view) concerns(key string) bool {
	section, rest, _ := strings.Cut(key, ".")
	name, _, _ := strings.Cut(rest, ".")
	switch section {
	case "routes":
		return name == v.name
	case "upstreams":
		return slices.Contains(v.upstreams(), name)
	case "token_policies":
		return slices.Contains(v.route.Require.Token, name)
	case "clients":
		return v.route.Require.Client && v.admits(name)
	}
	return true
}

// gap is a row of the list of what is no key.
type gap struct {
	id, text string
	when     func(*view) bool
}

func (v *view) gaps(rows []gap) []Gap {
	all := []Gap{}
	for _, g := range rows {
		if g.when == nil || g.when(v) {
			all = append(all, Gap{g.id, g.text})
		}
	}
	return all
}
