//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// While clients and upstreams move, each on its own, the one shows what the other does not
// want: a token where a key is asked for, a key where a token is.

// pythonAnswer is a client of openai-python, and what it has to read.
type pythonAnswer struct {
	kind, credential string // as sdk/python/identity_cases.py has them
	status           int
	text             string
}

// wantPython has the SDK ask once with each credential.
func wantPython(t *testing.T, e *edge.Edge, want []pythonAnswer) {
	t.Helper()
	argv := []string{"sdk/python/identity_cases.py"}
	for _, w := range want {
		argv = append(argv, w.kind+"="+w.credential)
	}
	cmd := exec.Command(cache(t, "python", "openai-3.57.0", "bin", "python"), argv...)
	cmd.Env = append(os.Environ(), "E2E_EDGE=http://"+e.Address())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, w := range want {
		var got struct {
			Status int
			Text   string
		}
		if i >= len(lines) || json.Unmarshal([]byte(lines[i]), &got) != nil || got.Status != w.status || !strings.Contains(got.Text, w.text) {
			t.Errorf("%s, line %d: got %+v, want %d %q; all of it:\n%s", w.kind, i+1, got, w.status, w.text, out)
		}
	}
}

const (
	entraTenant   = "11111111-2222-3333-4444-555555555555"
	entraAudience = "api://openai-edge"
)

// entra returns an issuer whose tokens read like those of Entra (version 1), and the file
// with its keys: nobody can publish keys at Entra's own address.
func entra(t *testing.T) (i *identitytest.Issuer, keys string) {
	t.Helper()
	i = identitytest.Offline("https://sts.windows.net/" + entraTenant + "/")
	return i, testkit.File(t, "entra.jwks", i.Keys())
}

func entraToken(i *identitytest.Issuer, more identitytest.Claims) string {
	claims := identitytest.Claims{"tid": entraTenant, "oid": "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9", "ver": "1.0", "roles": []string{"Model.Use"}}
	for name, value := range more {
		claims[name] = value
	}
	return i.Token(entraAudience, claims)
}

// bothWorlds has a token in front and a key behind, and the reverse.
const bothWorlds = `
log: {format: json}
upstreams:
  keyed: {url: "%[1]s", auth: {header: api-key, value: "file:%[2]s"}}
  tokened: {url: "%[3]s", tls: {ca_file: "%[4]s"}, auth: {managed_identity: {resource: "https://cognitiveservices.azure.com"}}}
token_policies:
  staff:
    issuers: ["https://sts.windows.net/` + entraTenant + `/"]
    signing_keys: ["file:%[5]s"]
    audiences: ["` + entraAudience + `"]
    required_claims: {roles: {values: [Model.Use]}}
clients:
  team-a: {keys: ["%[6]s"]}
routes:
  %[7]s
`

func TestOpenAIPythonWithATokenToAnUpstreamThatWantsAKey(t *testing.T) {
	upstream := serveUpstream(t, keyed)
	issuer, keys := entra(t)
	e := edge.Run(t, fmt.Sprintf(bothWorlds, upstream.URL, testkit.File(t, "key", subscriptionKey), upstream.SecureURL, certificate.CertFile,
		keys, clientkey.Hash(clientkey.Generate()), "models: {upstream: keyed, require: {token: [staff]}}"))
	wantPython(t, e, []pythonAnswer{
		{"provider", entraToken(issuer, nil), 200, "You said: hello"},
		{"openai", entraToken(issuer, nil), 200, "You said: hello"},
		{"azure", entraToken(issuer, nil), 200, "You said: hello"}, // as a key, by mistake
		{"provider", entraToken(issuer, identitytest.Claims{"exp": 1}), 401, "the token has expired; get a new one"},
		{"provider", entraToken(issuer, identitytest.Claims{"roles": nil}), 403, "the token has no claim roles with one of: Model.Use"},
		{"azure", subscriptionKey, 401, "the credential is a key, and this route asks for a token"},
	})
	all := upstream.all()
	if len(all) != 3 {
		t.Errorf("%d requests reached the upstream, want those of the three good tokens", len(all))
	}
	for _, r := range all {
		if key := lines(r, "api-key"); len(key) != 1 || key[0] != subscriptionKey || len(lines(r, "authorization")) != 0 {
			t.Errorf("the upstream was shown api-key %q, Authorization %q", key, lines(r, "authorization"))
		}
	}
	checkLog(t, e)
}

func TestOpenAIPythonWithAKeyToAnUpstreamThatWantsAManagedIdentity(t *testing.T) {
	upstream := serveUpstream(t, tokened)
	_, keys := entra(t)
	key := clientkey.Generate()
	e := edge.Run(t, fmt.Sprintf(bothWorlds, upstream.URL, testkit.File(t, "key", subscriptionKey), upstream.SecureURL, certificate.CertFile,
		keys, clientkey.Hash(key), "models: {upstream: tokened, require: {client: true}}"))
	wantPython(t, e, []pythonAnswer{
		{"openai", key, 200, "You said: hello"},
		{"azure", key, 200, "You said: hello"},
		{"openai", key + "A", 401, "the key is none that this apim-edge has issued"},
	})
	all := upstream.all()
	if len(all) != 2 {
		t.Errorf("%d requests reached the upstream, want those of the two good keys", len(all))
	}
	for _, r := range all {
		if shown := lines(r, "authorization"); len(shown) != 1 || shown[0] != "Bearer "+token || len(lines(r, "api-key")) != 0 {
			t.Errorf("the upstream was shown Authorization %q, api-key %q", shown, lines(r, "api-key"))
		}
	}
	if strings.Contains(e.Log(), key) {
		t.Error("the client's key stands in the log")
	}
	checkLog(t, e)
}
