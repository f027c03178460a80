package rewrite

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

var changed = NewParameters(map[string]string{"api-version": "2024-10-21", "A b": "x&y=1 +%/ä"}, map[string]string{"tenant": "none", "Team": ""}, []string{"trace", "$Filter"})

const setBehind = "A%20b=x%26y%3D1%20%2B%25%2F%C3%A4&api-version=2024-10-21"

func TestWhatBecomesOfAQuery(t *testing.T) {
	only := func(set, otherwise map[string]string, remove ...string) *Parameters {
		return NewParameters(set, otherwise, remove)
	}
	for _, tc := range []struct {
		name string
		p    *Parameters
		in   string // behind the path
		want string
	}{
		{"none, where something is set", changed, "", "?" + setBehind + "&Team=&tenant=none"},
		{"an empty one", changed, "?", "?" + setBehind + "&Team=&tenant=none"},
		{"others keep their bytes and their order", changed, "?z=%7e+&&b=?/;c=%zz&a", "?z=%7e+&&b=?/;c=%zz&a&" + setBehind + "&Team=&tenant=none"},
		{"set ones replace all of their name", changed, "?API-Version=1&x=1&api%2Dversion=2&api-version", "?x=1&" + setBehind + "&Team=&tenant=none"},
		{"what is there keeps its value", changed, "?Tenant=a&tenant=b&team=", "?Tenant=a&tenant=b&team=&" + setBehind},
		{"a name alone is there", changed, "?%74enant&TEAM=1", "?%74enant&TEAM=1&" + setBehind},
		{"what is removed", changed, "?trace=1&x=1&TRACE=2&%24filter=3&$filter", "?x=1&" + setBehind + "&Team=&tenant=none"},
		{"names that are nearly one", changed, "?trac=1&traces=1&api+version=1&api-version2=1&tenant&team", "?trac=1&traces=1&api+version=1&api-version2=1&tenant&team&" + setBehind},
		{"all is removed", only(nil, nil, "a"), "?a=1&A", ""},
		{"all but ampersands is removed", only(nil, nil, "a"), "?a=1&", ""},
		{"nothing is removed", only(nil, nil, "a"), "?b&&", "?b&&"},
		{"nothing of nothing is removed", only(nil, nil, "a"), "", ""},
		{"an empty one stays", only(nil, nil, "a"), "?", "?"},
		{"what is there stays alone", only(nil, map[string]string{"a": "1"}), "?A=2", "?A=2"},
		{"what is not there comes", only(nil, map[string]string{"a": "1"}), "", "?a=1"},
		{"all is replaced", only(map[string]string{"a": "1"}, nil), "?a=22222222222", "?a=1"},
		{"by something longer", only(map[string]string{"a": "22222222222"}, nil), "?a=1&a=2&b=3", "?b=3&a=22222222222"},
		{"a very long name is none", only(nil, nil, "a"), "?" + strings.Repeat("%61", 100), "?" + strings.Repeat("%61", 100)},
	} {
		if got := string(tc.p.Edit([]byte("/path"+tc.in), len("/path"))); got != "/path"+tc.want {
			t.Errorf("%s: %s becomes %s, want /path%s", tc.name, tc.in, got, tc.want)
		}
	}
	if NewParameters(nil, map[string]string{}, []string{}) != nil {
		t.Error("what changes nothing costs something")
	}
}

// FuzzParameters: what net/url reads in the query that comes out has what is set once, what
// has a default at least once, nothing that is removed, and all else byte for byte in its
// order.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{"", "?", "?a=1&api-version=2&tenant", "?&&trace=1&", "?%74race=1&API%2dVERSION&Team=%zz", "?a b=1&a%20B&A+b=1;tenant=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if strings.ContainsAny(in, "#") || in != "" && in[0] != '?' {
			return
		}
		head := "/p" + in
		out := string(changed.Edit([]byte(head), 2))
		before, after := parametersOf(in), parametersOf(strings.TrimPrefix(out, "/p"))
		others := func(all []string) []string {
			return slices.DeleteFunc(slices.Clone(all), func(p string) bool { return isOurs(p, "api-version", "a b", "trace", "$filter") })
		}
		want := others(before)
		for _, name := range []string{"Team", "tenant"} {
			if !slices.ContainsFunc(before, func(p string) bool { return isOurs(p, name) }) {
				want = append(want, map[string]string{"Team": "Team=", "tenant": "tenant=none"}[name])
			}
		}
		got := others(after)
		if nothing := []string{""}; !slices.Equal(got, want) && !(slices.Equal(slices.Concat(nothing, got), want)) {
			t.Errorf("%q becomes %q: others %q, want %q", in, out, got, want)
		}
		for name, value := range map[string]string{"api-version": "2024-10-21", "a b": "x&y=1 +%/ä"} {
			ours := slices.DeleteFunc(slices.Clone(after), func(p string) bool { return !isOurs(p, name) })
			if len(ours) != 1 || valueOf(ours[0]) != value {
				t.Errorf("%q becomes %q: %s is %q, want %q once", in, out, name, ours, value)
			}
		}
	})
}

func parametersOf(query string) []string {
	if query == "" {
		return nil
	}
	return strings.Split(query[1:], "&")
}

func isOurs(parameter string, names ...string) bool {
	name, _, _ := strings.Cut(parameter, "=")
	plain, err := url.PathUnescape(name) // a plus is one
	return err == nil && slices.ContainsFunc(names, func(n string) bool {
		return len(n) == len(plain) && strings.EqualFold(n, plain) && !strings.ContainsFunc(plain, func(r rune) bool { return r > '~' })
	})
}

func valueOf(parameter string) string {
	_, value, _ := strings.Cut(parameter, "=")
	plain, err := url.QueryUnescape(value)
	return fmt.Sprint(plain, map[bool]string{true: "", false: " (no escape)"}[err == nil])
}

func TestAChangedQueryAllocatesNothing(t *testing.T) {
	query, room := "/p?z=1&API-Version=1&%74race=1&y=2&team=x", make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() { changed.Edit(append(room, query...), 2) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
