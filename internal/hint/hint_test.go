package hint

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/rewrite"
)

const (
	missing = `{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API." }`
	invalid = `{ "statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription." }`
	service = `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}`
	apiKey  = `AzureApiManagementKey realm="https://contoso.azure-api.net/openai",name="api-key",type="header"`
	ocpKey  = `AzureApiManagementKey realm="https://contoso.azure-api.net/openai",name="Ocp-Apim-Subscription-Key",type="header"`
)

// answers are what upstreams say, as it was seen, and what it is known as.
var answers = []struct {
	name string
	Answer
	challenge string
	body      string
	want      Hint
}{
	{"no key", Answer{Status: 401, Reason: "no_credential"}, apiKey, missing, KeyMissing},
	{"no key, as the documentation has it", Answer{Status: 401}, "", strings.Replace(missing, "to an API", "to this API", 1), KeyMissing},
	{"no key, with client applications", Answer{Status: 401}, apiKey,
		`{ "statusCode": 401, "message": "Access denied due to a missing application credentials or subscription key. Make sure to include an application token or a subscription key when making requests to the API." }`,
		KeyOrApplicationTokenMissing},
	{"key in another field", Answer{Status: 401, Reason: "bearer_key", Field: "api-key"}, ocpKey, missing, KeyInOtherField},
	{"key in another field, and APIM does not say which", Answer{Status: 401, Reason: "explicit_key", Field: "api-key"}, "", missing, KeyInOtherField},
	{"key in another field, in words of the operator", Answer{Status: 401, Reason: "bearer_key", Field: "api-key"}, ocpKey, `{"oops":1}`, KeyInOtherField},
	{"key that did not arrive", Answer{Status: 401, Reason: "bearer_key", Field: "api-key"}, apiKey, missing, KeyLostOnTheWay},
	{"key in the renamed field", Answer{Status: 401, Reason: "bearer_key", Field: "authorization"}, strings.Replace(apiKey, "api-key", "Authorization", 1), missing, KeyLostOnTheWay},
	{"token where a key is wanted", Answer{Status: 401, Reason: "token", Field: "api-key"}, apiKey, missing, TokenInsteadOfKey},
	{"wrong key", Answer{Status: 401, Reason: "bearer_key", Field: "api-key"}, apiKey, invalid, KeyInvalid},
	{"wrong key in a renamed field", Answer{Status: 401, Reason: "bearer_key"}, "",
		`{ "statusCode": 401, "message": "Access denied due to invalid VCC-API-KEY. Make sure to provide a valid key for an active subscription." }`, KeyInvalid},
	{"missing key in a renamed field", Answer{Status: 401, Reason: "no_credential"}, "",
		`{ "statusCode": 401, "message": "Access denied due to missing VCC-API-KEY." }`, KeyMissing},
	{"no token", Answer{Status: 401}, "", `{ "statusCode": 401, "message": "JWT not present." }`, JWTMissing},
	{"wrong token", Answer{Status: 401}, "", `{ "statusCode": 401, "message": "Invalid JWT." }`, JWTInvalid},
	{"quota", Answer{Status: 403}, "", `{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 07:01:20." }`, QuotaExhausted},
	{"quota, days", Answer{Status: 403}, "", `{ "statusCode": 403, "message": "Out of bandwidth quota. Quota will be replenished in 2.12 days." }`, QuotaExhausted},
	{"address", Answer{Status: 403}, "", `{ "statusCode": 403, "message": "Forbidden" }`, AddressRefused},
	{"page of an App Service", Answer{Status: 403, ContentType: []byte("text/html; charset=utf-8")}, "", "<!DOCTYPE html><html><head><title>Web App - Unavailable", PageInsteadOfAPI},
	{"page that is compressed", Answer{Status: 403, ContentType: []byte("Text/HTML")}, "", "", PageInsteadOfAPI},
	{"path", Answer{Status: 404}, "", `{ "statusCode": 404, "message": "Resource not found" }`, OperationUnknown},
	{"path, as on-error has it", Answer{Status: 404}, "", `{ "statusCode": 404, "message": "Unable to match incoming request to an operation." }`, OperationUnknown},
	{"path, said by the service's front", Answer{Status: 404, FromService: true}, "", `{ "statusCode": 404, "message": "Resource not found" }`, ServicePathUnknown},
	{"path, said by the service", Answer{Status: 404}, "", `{"error":{"code":"404","message":"Resource not found"}}`, ServicePathUnknown},
	{"rate", Answer{Status: 429}, "", `{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 26 seconds." }`, RateLimited},
	{"rate, said by the service's front", Answer{Status: 429, FromService: true}, "", `{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 26 seconds." }`, ServiceRateLimited},
	{"tokens", Answer{Status: 429}, "", `{ "statusCode": 429, "message": "Token limit is exceeded. Try again in 56 seconds." }`, TokensLimited},
	{"policy", Answer{Status: 500}, "", `{ "statusCode": 500, "message": "Internal server error", "activityId": "6b1d" }`, PolicyFailed},
	{"pool", Answer{Status: 503}, "", `{ "statusCode": 503, "message": "Backend pool 'aoai' is temporarily unavailable" }`, PoolUnavailable},

	{"service's key", Answer{Status: 401, Reason: "bearer_key", Field: "api-key"}, "", service, ServiceKeyInvalid},
	{"service's token", Answer{Status: 401}, "",
		`{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}`, ServiceTokenInvalid},
	{"role", Answer{Status: 401}, "",
		"{\"error\":{\"code\":\"PermissionDenied\",\"message\":\"The principal `11111111-2222-3333-4444-555555555555` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/deployments/{deployment-id}/chat/completions` operation.\"}}",
		ServiceRoleMissing},
	{"keys disabled", Answer{Status: 403}, "", `{"error":{"code":"AuthenticationTypeDisabled","message":"Key based authentication is disabled for this resource."}}`, ServiceKeysDisabled},
	{"firewall", Answer{Status: 403}, "", `{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}`, ServiceNetwork},
	{"private endpoint", Answer{Status: 403}, "", `{"error":{"code":"403","message":"Public access is disabled. Please configure private endpoint."}}`, ServiceNetwork},
	{"deployment", Answer{Status: 404}, "",
		`{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}`, DeploymentUnknown},
	{"api-version", Answer{Status: 400}, "", `{"error":{"code":"BadRequest","message":"Missing required query parameter: api-version"}}`, APIVersionMissing},
	{"api-version of a model", Answer{Status: 400}, "", `{"error":{"code":"BadRequest","message":"Model {modelName} is enabled only for api versions 2024-12-01-preview and later"}}`, APIVersionTooOld},
	{"api-version of Responses", Answer{Status: 400}, "", `{"error":{"code":"BadRequest","message":"Azure OpenAI Responses API is enabled only for api-version 2025-03-01-preview and later"}}`, APIVersionTooOld},
	{"operation of a model", Answer{Status: 400}, "", `{"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not work with the specified model, gpt-5-codex."}}`, ModelLacksOperation},
	{"doubled path", Answer{Status: 400, ContentType: []byte("text/plain")}, "", "Unsupported data type\n", BodyUnfit},
	{"prompt", Answer{Status: 400}, "",
		`{"error":{"code":"content_filter","message":"The response was filtered due to the prompt triggering content management policy.","param":"prompt","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`, None},
	{"time", Answer{Status: 408}, "", `{"error":{"code":"Timeout","message":"The operation was timeout."}}`, ServiceTimeout},
	{"quota of the deployment", Answer{Status: 429}, "",
		`{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second."}}`, ServiceRateLimited},
	{"capacity", Answer{Status: 429}, "", `{"error":{"code":"429","message":"The service is temporarily unable to process your request. Please try again later."}}`, ServiceBusy},

	{"login", Answer{Status: 401}, "Negotiate", "", LoginWanted},
	{"login with a page", Answer{Status: 401, ContentType: []byte("text/html")}, `Basic realm="proxy"`, "", LoginWanted},
	{"a token wanted", Answer{Status: 401}, `Bearer realm="x"`, `{"detail":"Not authenticated"}`, Unknown},
	{"own words", Answer{Status: 403}, "", `{"detail":"You shall not pass"}`, Unknown},
	{"nothing", Answer{Status: 404}, "", "", Unknown},
}

func TestAnswersAreKnown(t *testing.T) {
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			if tc.challenge != "" {
				tc.Challenges = [][]byte{[]byte(tc.challenge)}
			}
			if got := tc.Head().Of([]byte(tc.body)); got != tc.want {
				t.Errorf("%d %s\n%s\nis %q, want %q", tc.Status, tc.challenge, tc.body, got, tc.want)
			}
		})
	}
}

// TestPastedTextsAreKnown: what people paste is not what was on the wire.
func TestPastedTextsAreKnown(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       Hint
	}{
		{"Python", `openai.AuthenticationError: Error code: 401 - {'statusCode': 401, 'message': 'Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.'}`, KeyMissing},
		{"Node", "AuthenticationError: 401 Access denied due to invalid subscription key or wrong API endpoint. Make sure to\n    provide a valid key", ServiceKeyInvalid},
		{"JSON in JSON of a log", `{"msg":"{\"error\":{\"code\":\"404\",\"message\":\"Resource not found\"}}"}`, ServicePathUnknown},
		{"Python, of the service", `openai.NotFoundError: Error code: 404 - {'error': {'code': '404', 'message': 'Resource not found'}}`, ServicePathUnknown},
		{"a line alone", "access denied due to MISSING subscription key", KeyMissing},
		{"wrapped by a terminal", "Access denied due to invalid\n  subscription key.", KeyInvalid},
		{"behind a long trace", strings.Repeat("  at Object.<anonymous> (index.js:1:1)\n", 200) + "JWT not present.", JWTMissing},
		{"response of curl", "HTTP/1.1 401 Access Denied\nContent-Type: application/json\n\n" + missing, KeyMissing},
		{"another", "TypeError: undefined is not a function", Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := In(tc.text, 0); got != tc.want {
				t.Errorf("%s\nis %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}

// TestEachHintIsWhole: it is told, has a source, and one of the answers is known as it.
func TestEachHintIsWhole(t *testing.T) {
	seen := map[Hint]bool{}
	for _, tc := range answers {
		seen[tc.want] = true
	}
	names := map[string]bool{}
	for _, h := range All() {
		if h.String() == "" || names[h.String()] || h.Means() == "" || h.Change() == "" || h.Source() == "" {
			t.Errorf("hint %d (%s) is not told whole, or not alone", h, h)
		}
		for _, text := range []string{h.Means(), h.Change()} {
			if strings.HasSuffix(text, ".") || text[0] < 'a' || text[0] > 'z' {
				t.Errorf("%s: %q: want a sentence that can stand behind a colon", h, text)
			}
		}
		if names[h.String()] = true; !seen[h] {
			t.Errorf("no answer of the table is %s", h)
		}
		if known := h != Unknown; known != (h.Owner() != Nobody) {
			t.Errorf("%s: whose is it?", h)
		}
	}
	if None.String() != "" || None.Owner() != Nobody {
		t.Error("None tells something")
	}
}

// TestReasonsAreThoseOfTheDecision: the words are those of package rewrite.
func TestReasonsAreThoseOfTheDecision(t *testing.T) {
	for _, r := range rewrite.Reasons() {
		if known := !r.Rejects() && r != rewrite.ReasonOtherScheme; known != (sentBy(r.String()) != sentUnknown) {
			t.Errorf("%s: sent %v", r, sentBy(r.String()))
		}
	}
}

func TestKeyField(t *testing.T) {
	for _, tc := range []struct {
		value, name string
		query       bool
	}{
		{apiKey, "api-key", false},
		{`azureapimanagementkey Name="api_key"`, "api_key", false},
		{`AzureApiManagementKey realm="x", name="k", type="query"`, "k", true},
		{`AzureApiManagementKey realm="name=",type="header"`, "", false},
		{`AzureApiManagementKey name="`, "", false},
		{`AzureApiManagementKey`, "", false},
		{`Bearer name="api-key"`, "", false},
	} {
		name, query := KeyField([]byte(tc.value))
		if string(name) != tc.name || query != tc.query {
			t.Errorf("KeyField(%s) = %q, %v, want %q, %v", tc.value, name, query, tc.name, tc.query)
		}
	}
}

func TestOnlyTheBeginningIsLookedAt(t *testing.T) {
	pad := strings.Repeat("x", Most-len(missing))
	h := Answer{Status: 401}.Head()
	if got := h.Of([]byte(pad + missing)); got != KeyMissing {
		t.Errorf("in the first %d bytes: %q", Most, got)
	}
	if got := h.Of([]byte(pad + strings.Repeat("x", len(missing)) + missing)); got != Unknown {
		t.Errorf("behind them: %q", got)
	}
}

func TestALookAllocatesNothing(t *testing.T) {
	challenges := [][]byte{[]byte(ocpKey)}
	body := []byte(strings.Repeat(" X", Most))
	a := Answer{Status: 401, Reason: "bearer_key", Field: "api-key", Challenges: challenges, ContentType: []byte("application/json")}
	if n := testing.AllocsPerRun(100, func() { a.Head().Of(body) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUnknown(b *testing.B) {
	body := []byte(strings.Repeat("the quick brown fox, ", 50))
	h := Answer{Status: 401}.Head()
	for b.Loop() {
		h.Of(body)
	}
}

// FuzzOf: an answer is known as one thing whatever its letters' case and its white
// space, in a log as on the wire, and never as what only its head could tell.
func FuzzOf(f *testing.F) {
	for _, tc := range answers {
		f.Add(tc.Status, tc.Reason, tc.challenge, tc.body)
	}
	f.Fuzz(func(t *testing.T, status int, reason, challenge, body string) {
		a := Answer{Status: status, Reason: reason, Field: "api-key", Challenges: [][]byte{[]byte(challenge)}}
		got := a.Head().Of([]byte(body))
		if got >= Count {
			t.Fatalf("%d is no hint", got)
		}
		if len(body) > Most/2 {
			return
		}
		ascii := strings.Map(func(r rune) rune { return max(0, min(r, 'z')) }, body)
		plain := a.Head().Of([]byte(ascii))
		if other := a.Head().Of([]byte(strings.ReplaceAll(strings.ToUpper(ascii), " ", "\n "))); other != plain {
			t.Errorf("%q is %s, and %s in capitals over several lines", ascii, plain, other)
		}
		if pasted := In(body, status); a.Head() == (Head{status: status}) && pasted != got {
			t.Errorf("%q is %s on the wire, and %s in a log", body, got, pasted)
		}
	})
}

// BenchmarkKeyMissing is the refusal that comes most.
func BenchmarkKeyMissing(b *testing.B) {
	challenges, body := [][]byte{[]byte(apiKey)}, []byte(missing)
	for b.Loop() {
		Answer{Status: 401, Reason: "bearer_key", Field: "api-key", Challenges: challenges}.Head().Of(body)
	}
}
