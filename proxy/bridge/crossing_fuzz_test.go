package bridge

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/rewrite"
)

// FuzzCrossing holds of every request that crosses: its path is one that the edge would
// take itself, it has the api-version of the table and no other, or none towards v1, and
// of its body nothing has changed but model.
func FuzzCrossing(f *testing.F) {
	for _, r := range []request{
		post("/chat/completions?a=1", last), post("/openai/deployments/a%20b%2Fc/chat/completions?api-version=1", `{"model":null}`),
		post("/deployments/o3/v1/embeddings?api%2dversion=1&&API-VERSION", `{}`), post("/responses", `{"a":[],"model":"gpt4o-prod"}`),
		get("/models/gpt-4o"), get("/openai/files/a/content?api-version=1&x=%zz"), post("/v1/deployments/o3/responses", `{"b":1}`),
	} {
		f.Add(r.method, r.path, r.query, r.body, uint8(5))
	}
	tables := map[string]*Table{
		Legacy: newTable(f, Options{To: Legacy, Models: models, Default: "gpt-5"}),
		V1:     newTable(f, Options{To: V1, Models: models}),
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string, n uint8) {
		if _, err := rewrite.CheckPath([]byte(path)); err != nil {
			return
		}
		r := request{method: method, path: path, query: query, contentType: jsonType, body: body}
		for to, table := range tables {
			got := cross(t, table, r, 1+int(n))
			if got.code != edgeerr.None || got.answer != "" {
				continue
			}
			target, params, _ := strings.Cut(got.target, "?")
			if odd, err := rewrite.CheckPath([]byte(target)); err != nil || !strings.HasPrefix(target, "/openai/") {
				t.Errorf("%v to %s: %s is %v, %v", r, to, got.target, odd, err)
			}
			versions := 0
			for p := range strings.SplitSeq(params, "&") {
				if isVersionParameter([]byte(p)) {
					versions++
				}
			}
			if versions != map[string]int{Legacy: 1, V1: 0}[to] {
				t.Errorf("%v to %s: %s", r, to, got.target)
			}
			if got.body != r.body {
				sameButModel(t, r.body, got.body)
			}
		}
	})
}

// sameButModel holds that two JSON texts are the same but for model, which the second
// has as one text.
func sameButModel(t *testing.T, before, after string) {
	t.Helper()
	if !json.Valid([]byte(before)) { // found in front of what is wrong
		return
	}
	var a, b map[string]json.RawMessage
	testkit.JSON(t, before, &a)
	if err := json.Unmarshal([]byte(after), &b); err != nil {
		t.Errorf("%q became %q: %v", before, after, err)
		return
	}
	if members := members(t, []byte(after)); len(members) == 1 && models[members[0].(string)].APIVersion == "" && !isDeployment(members[0].(string)) {
		t.Errorf("%q became %q", before, after)
	}
	delete(a, "model")
	delete(b, "model")
	if len(a) != len(b) {
		t.Errorf("%q became %q", before, after)
	}
	for key, value := range a {
		if string(b[key]) != string(value) {
			t.Errorf("%q became %q: %s differs", before, after, key)
		}
	}
}

func isDeployment(name string) bool {
	for _, m := range models {
		if m.Deployment == name {
			return true
		}
	}
	return false
}
