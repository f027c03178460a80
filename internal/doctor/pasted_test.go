package doctor

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
)

// TestPastedErrors: what people paste is a trace, JSON, a line of a log, or one line of
// any of them.
func TestPastedErrors(t *testing.T) {
	for _, tc := range []struct{ name, text, want, owner string }{
		{"openai-python", `Traceback (most recent call last):
  File "app.py", line 9, in <module>
    client.chat.completions.create(model="gpt-4o", messages=[])
openai.AuthenticationError: Error code: 401 - {'statusCode': 401, 'message': 'Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.'}`, "key_missing", "apim"},
		{"openai-node 4", "AuthenticationError: 401 status code (no body)\n    at APIError.generate (node_modules/openai/src/error.ts:61:14)", "client_hides_body", "client"},
		{"a chain, the inner one known", "litellm.NotFoundError: AzureException NotFoundError - Error code: 404 - {'error': {'code': 'DeploymentNotFound', 'message': 'The API deployment for this resource does not exist.'}}", "deployment_unknown", "azure_openai"},
		{"an error of the edge", `{"statusCode":502,"message":"...","error":{"message":"...","type":"server_error","code":"upstream_tls_failed","param":null}}`, "upstream_tls_failed", "apim-edge"},
		{"an access line with a hint", `{"level":"info","status":401,"reason":"bearer_key","hint":"key_in_other_field","cause":"complete","message":"exchange"}`, "key_in_other_field", "apim"},
		{"an access line with a cause", `{"status":200,"cause":"upstream_aborted","message":"exchange"}`, "upstream_aborted", "apim-edge"},
		{"a filtered prompt", `openai.BadRequestError: Error code: 400 - {'error': {'code': 'content_filter', 'status': 400}}`, "content_filter", "azure_openai"},
		{"a browser", "Access to fetch at 'https://contoso.azure-api.net/openai/v1/chat/completions' from origin 'https://chat.example.com' has been blocked by CORS policy", "client_cors", "client"},
		{"another base_url", "Error code: 401 - {'error': {'message': 'Incorrect API key provided: 0123****abcd. You can find your API key at https://platform.openai.com/account/api-keys.'}}", "client_went_elsewhere", "client"},
		{"a private authority", "httpx.ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)", "client_tls", "client"},
		{"a name", "FetchError: request to http://edge/openai/v1 failed, reason: getaddrinfo ENOTFOUND edge", "client_dns", "client"},
		{"nobody there", "Error: connect ECONNREFUSED 127.0.0.1:8080", "client_refused", "client"},
		{"patience", "openai.APITimeoutError: Request timed out.", "client_timeout", "client"},
		{"a cut", "httpx.RemoteProtocolError: peer closed connection without sending complete message body (incomplete chunked read)", "client_cut", "client"},
		{"ip-filter, by its status", "HTTP/1.1 403 Forbidden\n\n{ \"statusCode\": 403, \"message\": \"Forbidden\" }", "address_refused", "apim"},
		{"nothing of ours", "panic: runtime error: index out of range [3] with length 3", "unknown", "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := Explain(tc.text)
			if m.Name != tc.want || m.Owner != tc.owner || m.Known != (tc.want != "unknown") || m.Means == "" || m.Do == "" || m.Whose == "" {
				t.Errorf("%s\nis %+v, want %s of %s", tc.text, m, tc.want, tc.owner)
			}
		})
	}
}

// TestNamesAreOnes: a name says one thing, whoever says it.
func TestNamesAreOnes(t *testing.T) {
	seen := map[string]string{}
	note := func(name, of string) {
		if other, ok := seen[name]; ok {
			t.Errorf("%s is one of %s and of %s", name, other, of)
		}
		seen[name] = of
	}
	for _, h := range hint.All() {
		note(h.String(), "hints")
	}
	for _, c := range edgeerr.Codes() {
		note(c.String(), "errors")
	}
	for _, c := range clues {
		note(c.name, "clues")
		for _, w := range c.words {
			if w != strings.ToLower(w) {
				t.Errorf("%s: %q is not in lower case", c.name, w)
			}
		}
	}
}

// FuzzExplain: whatever is pasted is explained, and nothing of it is repeated.
func FuzzExplain(f *testing.F) {
	f.Add("Error code: 401 - {'statusCode': 401, 'message': 'Access denied due to missing subscription key.'}", "0123456789abcdef")
	f.Add("upstream_tls_failed", "x")
	f.Fuzz(func(t *testing.T, text, secret string) {
		m := Explain(text + " api-key: SECRET" + secret)
		if strings.Contains(m.Name+m.Whose+m.Means+m.Do+m.Source, "SECRET") || m.Name == "" {
			t.Errorf("%+v", m)
		}
	})
}
