//go:build e2e

package oracle

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/wire"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// sample is what one side of a story says, as bytes.
type sample struct {
	name   string // of the story
	bytes  []byte
	method string // of the story's request
	ending string // of the connection: close, reset, or nothing
}

var (
	secrets   = strings.NewReplacer("{EDGE}", "edge", "{UPSTREAM}", "upstream", "{TOKEN}", jws, "{TOKEN2}", jws, "{JWE}", jws+".a2V5.dGFn")
	firstName = regexp.MustCompile(`^[A-Z]+`)
)

const jws = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

// stories returns what the sections of a name say in all stories of e2e/wire, as
// far as it can be said without listening. Where in time the parts are said is
// left out: the bytes are what parsers read.
func stories(t *testing.T, section string) (all []sample) {
	t.Helper()
	for _, story := range testkit.Stories(t, "../wire/testdata/*/*.txtar") {
		name := filepath.Base(filepath.Dir(story.File)) + "/" + story.Name
		method := "POST"
		for _, f := range story.Files {
			if strings.HasPrefix(f.Name, "client.send") {
				method = firstName.FindString(strings.TrimSpace(string(f.Data)))
			}
			kind, raw := strings.CutSuffix(f.Name, ".raw")
			if kind != section {
				continue
			}
			text, ending, ok, err := wire.Spell(secrets.Replace(string(f.Data)), raw)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if ok {
				all = append(all, sample{name, text, method, ending})
			}
		}
	}
	return all
}
