package bridge

import (
	"reflect"
	"strings"
	"testing"
)

func TestCompleteFillsWhatIsOpen(t *testing.T) {
	given := map[string]Model{"a": {APIVersion: "2024-10-21"}, "b": {Deployment: "c"}}
	for _, tc := range []struct{ got, want Options }{
		{Options{}, Options{BodyHead: 1 << 20}},
		{Options{To: Legacy, Models: given}, Options{To: Legacy, Prefix: "/openai", BodyHead: 1 << 20,
			Models: map[string]Model{"a": {"a", "2024-10-21"}, "b": {Deployment: "c"}}}},
		{Options{To: V1, BodyHead: 5}, Options{To: V1, Prefix: "/openai/v1", BodyHead: 5}},
		{Options{To: V1, Prefix: "/"}, Options{To: V1, Prefix: "/", BodyHead: 1 << 20}},
		{Options{To: V1, Prefix: "/v1/"}, Options{To: V1, Prefix: "/v1", BodyHead: 1 << 20}},
	} {
		if got := tc.got.Complete(); !reflect.DeepEqual(got, tc.want) || !reflect.DeepEqual(got.Complete(), tc.want) {
			t.Errorf("%+v: got %+v, want %+v", tc.got, got, tc.want)
		}
	}
	if given["a"].Deployment != "" {
		t.Error("Complete changed the table that it was given")
	}
}

func TestFaults(t *testing.T) {
	one := map[string]Model{"a": {APIVersion: "2024-10-21"}}
	for _, tc := range []struct {
		Options
		want string
	}{
		{Options{}, errShape.Error()},
		{Options{To: Legacy, Models: one, Default: "a"}, ""},
		{Options{To: V1, Models: map[string]Model{"gpt-4.1": {}, "org/m": {Deployment: "a b"}}}, ""},
		{Options{To: "V1", Models: one}, errShape.Error()},
		{Options{To: V1}, "models: " + wrongNoModels},
		{Options{To: V1, Models: one, Default: "b"}, `default: found "b", but ` + wrongDefault},
		{Options{To: V1, Models: map[string]Model{"a": {Deployment: "x"}, "b": {Deployment: "x"}}},
			`models.b.deployment: found "x", but a has the same deployment, so that nobody can tell which of the two names v1 is to be sent`},
		{Options{To: Legacy, Models: map[string]Model{"a": {"x", "2024-10-21"}, "b": {"x", "2025-04-01-preview"}}}, ""},
		{Options{To: Legacy, Models: map[string]Model{"a": {}}}, `models.a.api_version: ` + wrongNoVersion},
		{Options{To: Legacy, Models: map[string]Model{"a": {APIVersion: "latest"}}}, `models.a.api_version: found "latest", but ` + wrongVersion},
		{Options{To: V1, Models: map[string]Model{"a": {APIVersion: "2024-10-2"}}}, `models.a.api_version: found "2024-10-2", but ` + wrongVersion},
		{Options{To: V1, Models: map[string]Model{`a"`: {}}}, `models."a\"": ` + wrongModelName},
		{Options{To: V1, Models: map[string]Model{"a": {Deployment: " x"}}}, `models.a.deployment: found " x", but ` + wrongModelName},
		{Options{To: V1, Models: one, Prefix: "openai"}, `prefix: found "openai", but ` + wrongPrefix},
		{Options{To: V1, Models: one, Prefix: "/a//b"}, `prefix: found "/a//b", but ` + wrongPrefix},
		{Options{To: V1, Models: one, Prefix: "/a/.."}, `prefix: found "/a/..", but ` + wrongPrefix},
		{Options{To: V1, Models: one, Prefix: "/a%20b"}, `prefix: found "/a%20b", but ` + wrongPrefix},
	} {
		table, err := New(tc.Options)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tc.want || (table == nil) != (tc.want != "") {
			t.Errorf("%+v:\ngot  %s\nwant %s", tc.Options, got, tc.want)
		}
	}
}

func TestDoubts(t *testing.T) {
	for name, want := range map[string]bool{
		"o1": true, "o3-mini": true, "O4-mini": true, "gpt-5": true, "gpt-5.1-codex": true, "openai/o1": true,
		"gpt-4o": false, "gpt-50": false, "o2": false, "foo1": false, "gpt-4.1": false, "o12": false,
	} {
		for _, to := range []string{Legacy, V1} {
			for version, old := range map[string]bool{"2024-10-21": true, "2024-12-01-preview": false, "2025-04-01-preview": false} {
				got := Options{To: to, Models: map[string]Model{name: {APIVersion: version}}}.Doubts()
				if want := want && old && to == Legacy; (len(got) > 0) != want {
					t.Errorf("%s to %s with %s: got %v", name, to, version, got)
				}
			}
		}
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]bool{
		"2024-10-21": true, "2024-12-01-preview": true, "": false, "preview": false, "-preview": false, "2024-10-21-beta": false,
		"2024/10/21": false, "20241021": false, "2024-10-2x": false, "2024-1-021": false, "202--10-21": false,
	} {
		if got := isVersion(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// TestOperations holds what a reader of the table relies on.
func TestOperations(t *testing.T) {
	names := map[string]bool{}
	for _, o := range operations {
		if names[o.name] || !strings.HasPrefix(o.path, "/") {
			t.Errorf("%s: a name twice, or a path that is none", o.name)
		}
		names[o.name] = true
		if o.since != "" && !isVersion(o.since) {
			t.Errorf("%s: since %s", o.name, o.since)
		}
		if o.below != atRoot && strings.ContainsAny(o.path, "{*") {
			t.Errorf("%s: a path below a deployment is found by its end", o.name)
		}
		for _, w := range []way{o.legacy, o.v1} {
			if (w.Fidelity == Exact) != (w.note == "") {
				t.Errorf("%s: %v with the note %q", o.name, w.Fidelity, w.note)
			}
		}
	}
}

func TestStraysHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for s := NoStray; s <= AlreadyV1; s++ {
		if seen[s.String()] || (s.Advice() == "") != (s == NoStray) {
			t.Errorf("%d: %s, %s", s, s, s.Advice())
		}
		seen[s.String()] = true
	}
}
