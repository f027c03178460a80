package lookalike

import (
	"net/http"
	"testing"

	"github.com/apim-edge/apim-edge/internal/hint"
)

// TestRefusalsAreKnown: each is what package hint, which shares no code with this one,
// knows it as.
func TestRefusalsAreKnown(t *testing.T) {
	want := map[string]hint.Hint{
		"application-credentials": hint.KeyOrApplicationTokenMissing, "invalid-key": hint.KeyInvalid,
		"jwt-missing": hint.JWTMissing, "jwt-invalid": hint.JWTInvalid, "quota": hint.QuotaExhausted,
		"ip-filter": hint.AddressRefused, "rate-limit": hint.RateLimited, "token-limit": hint.TokensLimited,
		"policy-error": hint.PolicyFailed, "pool": hint.PoolUnavailable,
		"service-key": hint.ServiceKeyInvalid, "audience": hint.ServiceTokenInvalid, "role": hint.ServiceRoleMissing,
		"keys-disabled": hint.ServiceKeysDisabled, "firewall": hint.ServiceNetwork, "private": hint.ServiceNetwork,
		"no-deployment": hint.DeploymentUnknown, "no-resource": hint.ServicePathUnknown, "api-version": hint.APIVersionMissing,
		"old-version": hint.APIVersionTooOld, "operation": hint.ModelLacksOperation, "data-type": hint.BodyUnfit,
		"content-filter": hint.None, "timeout": hint.ServiceTimeout, "busy": hint.ServiceBusy, "deployment-429": hint.ServiceRateLimited,
		"page": hint.PageInsteadOfAPI, "login": hint.LoginWanted,
	}
	for _, name := range Refusals() {
		t.Run(name, func(t *testing.T) {
			url, client := start(t, Options{PrimaryKey: testKey, Refuse: name})
			got := do(t, client, "POST", url+"/openai/v1/chat/completions", hello, "api-key: "+testKey)
			a := hint.Answer{Status: got.status, ContentType: []byte(got.head.Get("Content-Type")), FromService: got.head.Get("apim-request-id") != ""}
			for _, c := range got.head.Values("WWW-Authenticate") {
				a.Challenges = append(a.Challenges, []byte(c))
			}
			known, there := want[name]
			if h := a.Head().Of([]byte(got.body)); h != known || !there {
				t.Errorf("%d %s\nis %q, want %q (in the table: %v)", got.status, got.body, h, known, there)
			}
		})
	}
}

// TestPoliciesAndShapes holds what an import and its policies let through.
func TestPoliciesAndShapes(t *testing.T) {
	const v1, legacy = "/openai/v1/chat/completions", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
	key := "api-key: " + testKey
	for _, tc := range []struct {
		name   string
		opt    Options
		path   string
		fields []string
		want   int
	}{
		{"v1 in a legacy import", Options{Shape: LegacyShape}, v1, nil, 404},
		{"legacy in a legacy import", Options{Shape: LegacyShape}, legacy, nil, 200},
		{"v1 in a v1 import", Options{Shape: V1Shape}, v1, nil, 200},
		{"legacy in a v1 import", Options{Shape: V1Shape}, legacy, nil, 404},
		{"a deployment that is there", Options{Deployments: []string{"gpt-4o"}}, legacy, nil, 200},
		{"a deployment that is not", Options{Deployments: []string{"o3"}}, legacy, nil, 404},
		{"validate-jwt, a key alone", Options{PrimaryKey: testKey, ValidateJWT: true}, v1, []string{key}, 401},
		{"validate-jwt, the key as Bearer", Options{PrimaryKey: testKey, ValidateJWT: true}, v1, []string{key, "Authorization: Bearer " + testKey}, 401},
		{"validate-jwt, a token", Options{PrimaryKey: testKey, ValidateJWT: true}, v1, []string{key, "Authorization: Bearer " + testToken}, 200},
		{"check-header, a key alone", Options{PrimaryKey: testKey, CheckAuthorization: true}, v1, []string{key}, 401},
		{"check-header, both", Options{PrimaryKey: testKey, CheckAuthorization: true}, v1, []string{key, "Authorization: Bearer " + testKey}, 200},
		{"the key field renamed", Options{PrimaryKey: "Bearer " + testKey, KeyField: "authorization"}, v1, []string{"Authorization: Bearer " + testKey}, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, client := start(t, tc.opt)
			if got := do(t, client, "POST", url+tc.path, hello, tc.fields...); got.status != tc.want {
				t.Errorf("%d, want %d: %s", got.status, tc.want, got.body)
			}
		})
	}
}

// TestCORSTwice: two owners of CORS, and two fields, which no browser takes.
func TestCORSTwice(t *testing.T) {
	url, client := start(t, Options{CORS: CORSTwice})
	got := do(t, client, "POST", url+"/openai/v1/chat/completions", hello, "Origin: https://chat.example.com")
	if all := got.head.Values("Access-Control-Allow-Origin"); len(all) != 2 {
		t.Errorf("Access-Control-Allow-Origin %q, want two", all)
	}
	got = do(t, client, http.MethodOptions, url+"/openai/v1/chat/completions", "", "Origin: https://chat.example.com", "Access-Control-Request-Method: POST")
	if all := got.head.Values("Access-Control-Allow-Origin"); got.status != 200 || len(all) != 1 {
		t.Errorf("preflight: %d with Access-Control-Allow-Origin %q", got.status, all)
	}
}
