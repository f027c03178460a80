//go:build e2e

package export

import (
	"strings"
	"testing"
)

// TestHeaders: which fields a request must have is the same in all programs, in front of
// what looks at a credential and behind preflights.
func TestHeaders(t *testing.T) {
	const fronted = `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes:
  openai:
    path_prefix: /
    cors: {allowed_origins: ["https://chat.example.com"]}
    require:
      headers:
        X-Azure-FDID: {values: ["env:FRONT_DOOR_ID", "env:OTHER_FRONT_DOOR"]}
        X-Front: {}
        X-Team: {values: ["env:TEAM"], ignore_case: true}
`
	environ := []string{"FRONT_DOOR_ID=0a1B-front.door", "OTHER_FRONT_DOOR=another", "TEAM=Red Team"}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	up := startRecorder(t, false)
	for _, s := range sides(t, up, fronted, secrets{
		files: map[string]string{
			"secrets/openai-x-azure-fdid.conf": `"~^0a1B-front\.door$" yes;` + "\n" + `"~^another$" yes;` + "\n",
			"secrets/openai-x-team.conf":       `"~*^Red Team$" yes;` + "\n",
		},
		environ: environ,
	}) {
		ask := func(status int, missing string, fields ...string) {
			t.Helper()
			o := s.ask(t, up, head("/openai/v1/models", "", fields...))
			if o.status != status || (o.seen != nil) != (status == 200) || !strings.Contains(o.body, missing) {
				t.Errorf("%s: %q gets %d %s, want %d %s", s.name, fields, o.status, o.body, status, missing)
			}
		}
		all := []string{"X-Front", "east", "X-Team", "red team", "api-key", keyA}
		for _, id := range []string{"0a1B-front.door", "another"} {
			ask(200, "", append(all, "X-Azure-FDID", id)...)
		}
		for _, id := range []string{"0A1b-front.door", "0a1B-front-door", "0a1B-front.doo", "0a1B-front.door2", "x", "another, another"} {
			ask(403, "X-Azure-FDID", append(all, "X-Azure-FDID", id)...)
		}
		ask(403, "X-Azure-FDID", all...)
		ask(403, "X-Azure-FDID", append(all, "X-Azure-FDID", "x", "X-Azure-FDID", "another")...)
		ask(403, "X-Front", "X-Azure-FDID", "another", "X-Team", "red team", "Authorization", "Bearer a b") // a stranger learns nothing of it
		ask(403, "X-Team", "X-Azure-FDID", "another", "X-Front", "east", "X-Team", "blue team")
		ask(403, "X-Team", "X-Azure-FDID", "another", "X-Front", "east")
		if o := s.ask(t, up, preflight("https://chat.example.com", "POST", "authorization")); o.status != 204 {
			t.Errorf("%s: a preflight is answered %d", s.name, o.status)
		}
	}
}
