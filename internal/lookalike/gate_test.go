package lookalike

import (
	"net/http"
	"strings"
	"testing"
)

const (
	missingKeyBody = `{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API." }`
	invalidKeyBody = `{ "statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription." }`
	serviceBody    = `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}`
)

func TestSubscriptionKey(t *testing.T) {
	url, client := start(t, Options{PrimaryKey: testKey, SecondaryKey: otherTestKey, OtherKeys: []string{"of-others"}})
	for _, tc := range []struct {
		name       string
		query      string
		fields     []string
		wantStatus int
		wantBody   string // "" for a good answer
		wantSeen   string
		wantKey    string
	}{
		{"no credential at all is a missing key", "", nil, 401, missingKeyBody, "none", ""},
		{"a key as Bearer is a missing key", "", []string{"Authorization: Bearer " + testKey}, 401, missingKeyBody, "bearer", ""},
		{"a token as Bearer is a missing key", "", []string{"Authorization: Bearer " + testToken}, 401, missingKeyBody, "token", ""},
		{"an unknown key is an invalid key", "", []string{"api-key: wrong"}, 401, invalidKeyBody, "key-field", ""},
		{"a token in the key field is an invalid key", "", []string{"api-key: " + testToken}, 401, invalidKeyBody, "key-field", ""},
		{"two lines of the key field are an invalid key", "", []string{"api-key: " + testKey, "api-key: " + testKey}, 401, invalidKeyBody, "key-field", ""},
		{"another name for the field is a missing key", "", []string{"Ocp-Apim-Subscription-Key: " + testKey}, 401, missingKeyBody, "none", ""},
		{"the primary key gets in", "", []string{"api-key: " + testKey}, 200, "", "key-field", "primary"},
		{"the secondary key gets in", "", []string{"API-Key: " + otherTestKey}, 200, "", "key-field", "secondary"},
		{"a key of another subscription gets in", "", []string{"api-key: of-others"}, 200, "", "key-field", "other"},
		{"the query counts where the field is absent", "?subscription-key=" + testKey, nil, 200, "", "key-query", "primary"},
		{"the query does not count where the field is there", "?subscription-key=" + testKey, []string{"api-key: wrong"}, 401, invalidKeyBody, "key-field,key-query", ""},
		{"Authorization beside the key does no harm", "", []string{"api-key: " + testKey, "Authorization: Basic eDp5"}, 200, "", "key-field,other-scheme", "primary"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := do(t, client, http.MethodGet, url+"/openai/v1/models"+tc.query, "", tc.fields...)
			if got.err != nil || got.status != tc.wantStatus {
				t.Fatalf("got %d %v, want %d: %s", got.status, got.err, tc.wantStatus, got.body)
			}
			if tc.wantBody != "" && got.body != tc.wantBody {
				t.Errorf("body\n got %s\nwant %s", got.body, tc.wantBody)
			}
			if seen := got.head.Get("x-lookalike-credential"); seen != tc.wantSeen {
				t.Errorf("x-lookalike-credential: got %q, want %q", seen, tc.wantSeen)
			}
			if key := got.head.Get("x-lookalike-key"); key != tc.wantKey {
				t.Errorf("x-lookalike-key: got %q, want %q", key, tc.wantKey)
			}
			refused := tc.wantStatus == 401
			wantChallenge := `AzureApiManagementKey realm="` + url + `/openai",name="api-key",type="header"`
			if challenge := got.head.Get("WWW-Authenticate"); refused && challenge != wantChallenge {
				t.Errorf("WWW-Authenticate: got %q, want %q", challenge, wantChallenge)
			}
			if byService := got.head.Get("apim-request-id") != ""; byService == refused {
				t.Errorf("apim-request-id present: %v, want %v", byService, !refused)
			}
		})
	}
	if len(missingKeyBody) != 152 {
		t.Errorf("the documented body has 152 bytes, the test's has %d", len(missingKeyBody))
	}
}

func TestKeyNamesCanBeChanged(t *testing.T) {
	url, client := start(t, Options{PrimaryKey: testKey, KeyField: "x-team-key", KeyQuery: "team-key"})
	if got := do(t, client, http.MethodGet, url+"/models", "", "X-Team-Key: "+testKey); got.status != 200 {
		t.Errorf("own field: got %d, want 200", got.status)
	}
	if got := do(t, client, http.MethodGet, url+"/models?team-key="+testKey, ""); got.status != 200 {
		t.Errorf("own query: got %d, want 200", got.status)
	}
	got := do(t, client, http.MethodGet, url+"/models", "", "api-key: "+testKey)
	if got.status != 401 || !strings.Contains(got.head.Get("WWW-Authenticate"), `name="x-team-key"`) {
		t.Errorf("default field: got %d %q, want 401 that names x-team-key", got.status, got.head.Get("WWW-Authenticate"))
	}
}

func TestToken(t *testing.T) {
	for _, tc := range []struct {
		name       string
		opt        Options
		fields     []string
		wantStatus int
		wantBody   string
	}{
		{"a token in Authorization gets in", Options{RequireToken: true}, []string{"Authorization: bearer " + testToken}, 200, ""},
		{"a token in the key field is the service's own 401", Options{RequireToken: true}, []string{"api-key: " + testToken}, 401, serviceBody},
		{"a key as Bearer is no token", Options{RequireToken: true}, []string{"Authorization: Bearer " + testKey}, 401, serviceBody},
		{"two Authorization lines are none", Options{RequireToken: true}, []string{"Authorization: Bearer " + testToken, "Authorization: Bearer " + testToken}, 401, serviceBody},
		{"a token that is not in the list is refused", Options{RequireToken: true, Tokens: []string{"other"}}, []string{"Authorization: Bearer " + testToken}, 401, serviceBody},
		{"a token in the list gets in", Options{RequireToken: true, Tokens: []string{testToken}}, []string{"Authorization: Bearer " + testToken}, 200, ""},
		{"APIM asks for the key before the service asks for the token", Options{RequireToken: true, PrimaryKey: testKey}, []string{"Authorization: Bearer " + testToken}, 401, missingKeyBody},
		{"key and token together get in", Options{RequireToken: true, PrimaryKey: testKey}, []string{"Authorization: Bearer " + testToken, "api-key: " + testKey}, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, client := start(t, tc.opt)
			got := do(t, client, http.MethodGet, url+"/openai/models?api-version=2024-10-21", "", tc.fields...)
			if got.status != tc.wantStatus || (tc.wantBody != "" && got.body != tc.wantBody) {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, tc.wantStatus, tc.wantBody)
			}
		})
	}
}

func TestCORS(t *testing.T) {
	preflight := []string{"Origin: https://chat.example.com", "Access-Control-Request-Method: POST"}
	for _, tc := range []struct {
		name       string
		cors       CORS
		method     string
		fields     []string
		wantStatus int
		wantOrigin string
		wantEmpty  bool
	}{
		{"without a cors policy a preflight is no operation", CORSNone, "OPTIONS", preflight, 404, "", false},
		{"the legacy policy answers a preflight with an empty 200", CORSLegacy, "OPTIONS", preflight, 200, "", true},
		{"OPTIONS that is no preflight is no operation", CORSLegacy, "OPTIONS", preflight[:1], 404, "", false},
		{"the service allows every origin", CORSLegacy, "GET", append(preflight[:1:1], "api-key: "+testKey), 200, "*", false},
		{"APIM's own 401 allows none", CORSLegacy, "GET", preflight[:1], 401, "", false},
		{"without a cors policy the service allows none", CORSNone, "GET", append(preflight[:1:1], "api-key: "+testKey), 200, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, client := start(t, Options{PrimaryKey: testKey, CORS: tc.cors})
			got := do(t, client, tc.method, url+"/openai/v1/models", "", tc.fields...)
			origin := got.head.Get("Access-Control-Allow-Origin")
			if got.status != tc.wantStatus || origin != tc.wantOrigin || (got.body == "") != tc.wantEmpty {
				t.Errorf("got %d, allow-origin %q, body %q; want %d, %q, empty %v",
					got.status, origin, got.body, tc.wantStatus, tc.wantOrigin, tc.wantEmpty)
			}
		})
	}
}
