package corsx

import "net/http"

// Field names as net/http spells them, which is how the library looks them up.
const (
	originField    = "Origin"
	varyField      = "Vary"
	requestMethod  = "Access-Control-Request-Method"
	requestHeaders = "Access-Control-Request-Headers"
	requestPrivate = "Access-Control-Request-Private-Network"
	allowOrigin    = "Access-Control-Allow-Origin"
	allowMethods   = "Access-Control-Allow-Methods"
	allowHeaders   = "Access-Control-Allow-Headers"
	allowCreds     = "Access-Control-Allow-Credentials"
	allowPrivate   = "Access-Control-Allow-Private-Network"
	exposeHeaders  = "Access-Control-Expose-Headers"
	maxAge         = "Access-Control-Max-Age"
)

// OPTIONS is missing on purpose: the library allows it whatever the list says.
var defaultMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost,
	http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// sdkRequestFields are the request fields that OpenAI SDKs send from a page.
// One that is missing here makes the browser block the call, so the list holds
// every name found in the sources of the openai packages for Node (4.104,
// 7.55) and Python (2.34; it runs in browsers as WebAssembly), of @ai-sdk/azure
// and of @langchain/openai, and what APIM and Azure OpenAI understand.
var sdkRequestFields = []string{
	"accept", "authorization", "content-type", "user-agent",
	"api-key", "ocp-apim-subscription-key",
	"openai-beta", "openai-organization", "openai-project",
	"aoai-copy-ft-checkpoints", "aoai-evals",
	"idempotency-key", "traceparent", "tracestate",
	"x-client-request-id", "x-ms-client-request-id", "x-request-id",
	"x-openai-agents-sdk", // @openai/agents
	"x-stainless-arch", "x-stainless-async", "x-stainless-custom-poll-interval",
	"x-stainless-helper-method", "x-stainless-lang", "x-stainless-os",
	"x-stainless-package-version", "x-stainless-poll-helper",
	"x-stainless-raw-response", "x-stainless-read-timeout",
	"x-stainless-retry-count", "x-stainless-runtime",
	"x-stainless-runtime-version", "x-stainless-timeout",
}

// sdkResponseFields are the response fields that SDKs and their users read.
// Without retry-after an SDK repeats a 429 by its own clock: 0.4 s and 0.9 s
// after the first try, where the upstream had asked for 1 s (measured).
var sdkResponseFields = []string{
	"retry-after", "retry-after-ms", "x-should-retry",
	"x-request-id", "apim-request-id", "x-ms-region",
	"x-apim-edge-error", "x-apim-edge-decision", "x-apim-edge-hint", "server-timing",
	"location", // where the result of a long-running call will be
}

// families are the prefixes of response fields whose names nobody can list in
// advance; those present are exposed by name, because a page that sends
// credentials cannot be given "*" (Fetch standard, CORS protocol and
// credentials).
var families = [...]string{"x-ratelimit-", "openai-"}

// Family reports whether the response field name belongs to a family that is
// exposed by expansion: x-ratelimit-* or openai-*, compared without case.
func Family(name []byte) bool {
	for _, prefix := range families {
		if len(name) > len(prefix) && hasPrefixFold(name, prefix) {
			return true
		}
	}
	return false
}

// Owned reports whether the response field belongs to the edge where a policy is
// on, compared without case: every Access-Control-* field. It is taken off
// upstream's head and trailers, because two Access-Control-Allow-Origin lines
// are as good as none to a browser. So are names that a proxy in front may make
// of it, with another character for the hyphens (access_control_allow_origin).
func Owned(name []byte) bool {
	const prefix = "access-control-"
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := lower(name[i])
		if c != prefix[i] && (prefix[i] != '-' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}

// hasPrefixFold compares ASCII without case; prefix is in lower case.
func hasPrefixFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(b[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// isToken reports whether b is a token (RFC 9110 section 5.6.2): a field name or
// a method. Whatever is written into a head and did not come from the options
// passes it first, so that no answer can be split.
func isToken[T string | []byte](b T) bool {
	for i := range len(b) {
		if !tokenChars[b[i]] {
			return false
		}
	}
	return len(b) > 0
}

var tokenChars = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		set[c] = true
	}
	return set
}()
