package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// asDesigned has every key that says who may pass.
const asDesigned = oneUpstream + `
token_policies:
  staff:                                  # an Entra tenant: keys, issuers and endpoints follow from it
    tenant_id: 11111111-2222-3333-4444-555555555555      # or organizations, with tenants: [..]
    cloud: public                         # public, usgovernment, china
    audiences: ["api://openai-edge", "https://cognitiveservices.azure.com"]
    client_application_ids: []            # azp or appid; empty: any
    required_claims: {roles: {values: [Model.Use], match: any}}
  partner:                                # any other issuer
    openid_configs: ["https://id.example.com/.well-known/openid-configuration"]
    issuers: ["https://id.example.com"]   # empty: what the metadata says
    audiences: ["https://models.example.com"]
    algorithms: [RS256, ES256]
    signing_keys: ["file:/etc/apim-edge/partner.jwks"]   # JWKS or PEM; env:, file:, https:
    decryption_keys: []
    clock_skew: 30s
    require_expiration: true
    header: Authorization                 # or query: NAME
    failed: {status: 401, message: ""}
clients:                                  # keys that the edge issues itself (apim-edge key new)
  team-a: {keys: ["sha256:0000000000000000000000000000000000000000000000000000000000000000"], expires: 2027-06-30, routes: [openai], upstream_key: "env:TEAM_A_KEY"}
routes:
  openai:
    require: {token: [staff, partner], client: true, match: any}   # any: one of them suffices; all: both
    forward_claims: {oid: X-Caller-Oid}    # allow-list; outside fields of these names are dropped
`

func TestWhoMayPass(t *testing.T) {
	c := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", asDesigned)})
	staff, partner, client, r := c.TokenPolicies["staff"], c.TokenPolicies["partner"], c.Clients["team-a"], c.Routes["openai"]
	for name, tc := range map[string]struct{ got, want any }{
		"the tenant":                     {staff.TenantID, "11111111-2222-3333-4444-555555555555"},
		"a default of the package":       {staff.Algorithms, []string{"RS256"}},
		"a default that 0 would switch":  {staff.ClockSkew.Duration, 30 * time.Second},
		"a default that is true":         {staff.RequireExpiration, true},
		"a claim":                        {staff.RequiredClaims["roles"], RequiredClaim{Values: []string{"Model.Use"}, Match: "any"}},
		"the algorithms":                 {partner.Algorithms, []string{"RS256", "ES256"}},
		"a day without quotes":           {client.Expires, "2027-06-30"},
		"the policies":                   {r.Require.Token, []string{"staff", "partner"}},
		"pairs":                          {r.ForwardClaims, map[string]string{"oid": "X-Caller-Oid"}},
		"the field":                      {partner.Header, "Authorization"},
		"the status":                     {partner.Failed.Status, 401},
		"what was said to be false":      {mustLoad(t, Options{File: testkit.File(t, "e.yaml", strings.ReplaceAll(asDesigned, "require_expiration: true", "require_expiration: false"))}).TokenPolicies["partner"].RequireExpiration, false},
		"what was said to be 0":          {mustLoad(t, Options{File: testkit.File(t, "f.yaml", strings.ReplaceAll(asDesigned, "clock_skew: 30s", "clock_skew: 0"))}).TokenPolicies["partner"].ClockSkew.Duration, time.Duration(0)},
		"pairs of a variable":            {mustLoad(t, Options{File: testkit.File(t, "g.yaml", oneUpstream), Environ: []string{"APIM_EDGE__ROUTES__A__FORWARD_CLAIMS=oid=X-A, tid=X-B"}}).Routes["a"].ForwardClaims, map[string]string{"oid": "X-A", "tid": "X-B"}},
		"an empty list is no list":       {mustLoad(t, Options{File: testkit.File(t, "h.yaml", strings.ReplaceAll(asDesigned, "algorithms: [RS256, ES256]", "algorithms: []"))}).TokenPolicies["partner"].Algorithms, []string{"RS256", "ES256"}},
		"a claim with an odd name":       {len(mustLoad(t, Options{File: testkit.File(t, "i.yaml", strings.ReplaceAll(asDesigned, "{roles:", "{'http://schemas.example.com/Role':"))}).TokenPolicies["staff"].RequiredClaims), 1},
		"pairs that are all commented":   {len(mustLoad(t, Options{File: testkit.File(t, "j.yaml", strings.ReplaceAll(asDesigned, "{oid: X-Caller-Oid}", "# none"))}).Routes["openai"].ForwardClaims), 0},
		"a policy of a Config by hand":   {Config{TokenPolicies: map[string]TokenPolicy{"p": {}}}.Complete().TokenPolicies["p"].RequireExpiration, true},
		"the skew of a Config by hand":   {Config{TokenPolicies: map[string]TokenPolicy{"p": {}}}.Complete().TokenPolicies["p"].ClockSkew.Duration, 30 * time.Second},
		"how a route by hand asks":       {Config{Upstreams: map[string]Upstream{"a": {}}, Routes: map[string]Route{"p": {}}}.Complete().Routes["p"].Require.Match, "any"},
		"nothing is asked for by itself": {Config{Upstreams: map[string]Upstream{"a": {}}}.Complete().Routes["default"].Require.Client, false},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s: got %v, want %v", name, tc.got, tc.want)
		}
	}
}

func TestMaskedShowsNoKey(t *testing.T) {
	c := Default()
	c.Upstreams = map[string]Upstream{"a": {URL: "https://contoso.azure-api.net"}}
	c.TokenPolicies = map[string]TokenPolicy{"p": {
		SigningKeys:    []string{"hunter2", "env:KEYS", "https://id.example.com/keys"},
		DecryptionKeys: []string{"hunter2", "file:/keys"},
	}}
	c.Clients = map[string]Client{"c": {Keys: []string{"aek_hunter2", "sha256:" + strings.Repeat("0", 64)}, UpstreamKey: "hunter2"}}
	c.Routes = map[string]Route{"r": {Require: Require{Headers: map[string]RequiredHeader{"X-Azure-FDID": {Values: []string{"hunter2", "env:FDID"}}}}}}
	text := dump(t, c)
	for _, want := range []string{"env:FDID", "env:KEYS", "https://id.example.com/keys", "file:/keys", "sha256:" + strings.Repeat("0", 64)} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not shown", want)
		}
	}
	whole := c.Complete()
	for _, shown := range []string{text, whole.Validate().Error(), whole.Warnings().Error()} {
		if strings.Contains(shown, "hunter2") {
			t.Errorf("a key is shown in\n%s", shown)
		}
	}
}

// TestEveryFaultOfIdentityHasItsStory holds that each text of a fault that
// internal/identity has is brought about by a story of testdata/invalid.
func TestEveryFaultOfIdentityHasItsStory(t *testing.T) {
	missing := faultTexts(t, "../identity/token/faults.go")
	for name, text := range faultTextsOf(t, "../identity/clientkey/options.go", 4) {
		missing["clientkey."+name] = text
	}
	delete(missing, "wrongNoAlgorithm") // in the configuration an empty list is the default
	for _, story := range testkit.Stories(t, "testdata/invalid/*.txtar") {
		want := string(story.Files[len(story.Files)-1].Data)
		for name, text := range missing {
			if text.MatchString(want) {
				delete(missing, name)
			}
		}
	}
	for name, text := range missing {
		t.Errorf("no story leads to the fault %s: %s", name, text)
	}
}

func TestWhatIsProbablyNotMeant(t *testing.T) {
	c := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", strings.NewReplacer(
		"token: [staff, partner], client: true", "client: true", "{roles:", "{email: {values: [a@b]}, roles:").Replace(asDesigned))})
	got := c.Warnings().Error()
	for _, want := range []string{
		"token_policies.staff: no route asks for this policy", "token_policies.partner: no route asks for this policy",
		"token_policies.staff.audiences[1]: found \"https://cognitiveservices.azure.com\", but this is an API of Azure's own",
		"token_policies.staff.required_claims.email: this claim can be changed by people",
		"routes.openai.forward_claims: no token is asked for",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestFilesWithKeys(t *testing.T) {
	good, bad := filepath.Join(t.TempDir(), "good"), filepath.Join(t.TempDir(), "bad")
	for name, content := range map[string]string{
		good: `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
		bad:  "hunter2",
	} {
		testkit.Write(t, name, content)
	}
	c := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", oneUpstream+`
token_policies:
  p:
    issuers: [i]
    audiences: [a]
    signing_keys: ["file:`+good+`", "file:`+bad+`", "file:`+good+`x", "https://id.example.com/keys"]
    decryption_keys: ["file:`+good+`"]
clients:
  c: {keys: ["sha256:`+strings.Repeat("0", 64)+`"], upstream_key: "file:`+bad+`x"}
`)})
	got := c.CheckFiles().Error()
	if strings.Count(got, "\n") != 3 || strings.Contains(got, "hunter2") || strings.Contains(got, "signing_keys[0]") {
		t.Errorf("problems:\n%s", got)
	}
	for _, want := range []string{
		"p.signing_keys[1]: the keys cannot be read: this is no set of keys", "p.signing_keys[2]: the keys cannot be read",
		"p.decryption_keys[0]: the keys cannot be read: key 1: it is no private key", "clients.c.upstream_key: the secret cannot be read",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	files := Files(c, "")
	if !reflect.DeepEqual(files, Files(c, "")) || len(files) != 2 {
		t.Errorf("files %v, want those of decryption_keys and upstream_key", files)
	}
}
