package corsx

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options Options
		want    string // the whole text; empty: accepted
	}{
		{"an origin", origins("https://chat.example.com"), ""},
		{"an origin with a port", origins("http://localhost:3000"), ""},
		{"an address in brackets", origins("http://[::1]:3000"), ""},
		{"an extension", origins("chrome-extension://abcdefghijklmnop"), ""},
		{"every origin", origins("*"), ""},
		{"the null origin", origins("null"), ""},
		{"a wildcard for labels", origins("https://*.example.com"), ""},
		{"a wildcard inside a label", origins("https://chat-*-team.example.com:8443"), ""},
		{"a wildcard under localhost", origins("http://*.localhost:8080"), ""},
		{"a wildcard for the port", origins("http://localhost:*"), ""},
		{"a wildcard for the port of an address", origins("http://[::1]:*"), ""},
		{"a wildcard under a domain of one label", origins("https://*.corp"), ""},
		{"a wildcard for the whole host", origins("https://*", "https://*:8443"), ""},
		{"nothing at all", Options{}, ""},

		{"a path", origins("https://chat.example.com/app"), `allowed_origins: "https://chat.example.com/app" has a path or query; write "https://chat.example.com"`},
		{"a query", origins("https://chat.example.com?a"), `allowed_origins: "https://chat.example.com?a" has a path or query; write "https://chat.example.com"`},
		{"a slash", origins("https://chat.example.com/"), `allowed_origins: "https://chat.example.com/" ends with a slash; write "https://chat.example.com"`},
		{"no scheme", origins("chat.example.com"), `allowed_origins: "chat.example.com" has no scheme; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"upper case", origins("https://Chat.Example.com"), `allowed_origins: "https://Chat.Example.com" has upper-case letters, which browsers never send; write "https://chat.example.com"`},
		{"the default port", origins("https://chat.example.com:443"), `allowed_origins: "https://chat.example.com:443" names the default port, which browsers leave out; write "https://chat.example.com"`},
		{"an empty origin", origins(""), `allowed_origins: "" is empty; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"two origins in one", origins("https://a.example.com,https://b.example.com"), `allowed_origins: "https://a.example.com,https://b.example.com" holds a space or a comma; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"user information", origins("https://me@chat.example.com"), `allowed_origins: "https://me@chat.example.com" holds user information; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a name outside ASCII", origins("https://bücher.example"), `allowed_origins: "https://bücher.example" is no origin (a name outside ASCII is written as xn--...); an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a port that is no number", origins("https://chat.example.com:x"), `allowed_origins: "https://chat.example.com:x" is no origin (a name outside ASCII is written as xn--...); an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a wildcard that others can register", origins("https://*example.com"), `allowed_origins: "https://*example.com" has a wildcard that matches domains of others; put *. in front of a domain; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a wildcard at the end", origins("https://example.*"), `allowed_origins: "https://example.*" has a wildcard that matches domains of others; put *. in front of a domain; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a wildcard before a dot only", origins("https://*."), `allowed_origins: "https://*." has a wildcard that matches domains of others; put *. in front of a domain; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a port that is too large", origins("https://a.example.com:65536"), `allowed_origins: "https://a.example.com:65536" is no origin (a name outside ASCII is written as xn--...); an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"two wildcards", origins("https://*.example.com:*"), `allowed_origins: "https://*.example.com:*" has more than one wildcard; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a wildcard in the scheme", origins("http*://example.com"), `allowed_origins: "http*://example.com" has its wildcard in a place where none is allowed; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},
		{"a wildcard beside an empty label", origins("https://*.a..b"), `allowed_origins: "https://*.a..b" is no origin; an origin is scheme://host or scheme://host:port, for example https://chat.example.com`},

		{"every origin with credentials", Options{AllowedOrigins: []string{"*"}, AllowCredentials: true}, `allow_credentials: true together with allowed_origins "*" is refused by browsers; list the origins, or set allow_credentials: false (the OpenAI SDKs do not need it)`},
		{"a whole host as wildcard with credentials", Options{AllowedOrigins: []string{"https://*:8443"}, AllowCredentials: true}, `allow_credentials: true together with a whole host as wildcard in allowed_origins would allow every page; list the origins, or set allow_credentials: false (the OpenAI SDKs do not need it)`},
		{"the null origin with credentials", Options{AllowedOrigins: []string{"null"}, AllowCredentials: true}, `allow_credentials: true together with allowed_origins "null" would allow every page, because any page can become null by a sandboxed frame; list the origins, or set allow_credentials: false (the OpenAI SDKs do not need it)`},
		{"every exposed field with credentials", Options{ExposedHeaders: []string{"*"}, AllowCredentials: true}, `exposed_headers: "*" has no meaning to browsers together with allow_credentials: true; list the fields`},
		{"a method in lower case", Options{AllowedMethods: []string{"get"}}, `allowed_methods: "get" has lower-case letters, and methods are compared with case; write "GET"`},
		{"every method", Options{AllowedMethods: []string{"*"}}, `allowed_methods: "*" is no method; list them, for example GET and POST`},
		{"no method", Options{AllowedMethods: []string{"GET, POST"}}, `allowed_methods: "GET, POST" is no method; methods look like GET or POST`},
		{"no field name", Options{AllowedHeaders: []string{"x team"}}, `allowed_headers: "x team" is no field name; names look like x-request-id`},
		{"a wildcard in a name", Options{ExposedHeaders: []string{"x-cost-*"}}, `exposed_headers: "x-cost-*" has a wildcard in a name; list each name, or write "*" for all fields`},
		{"less than a second", Options{MaxAge: time.Millisecond}, `max_age: 1ms is less than browsers can count; write 1s or more`},
		{"two faults at once", Options{AllowedOrigins: []string{"https://a.example.com/"}, AllowedMethods: []string{"*"}}, "allowed_origins: \"https://a.example.com/\" ends with a slash; write \"https://a.example.com\"\nallowed_methods: \"*\" is no method; list them, for example GET and POST"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if _, err := New(tc.options); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("New(%+v)\n got  %s\n want %s", tc.options, got, tc.want)
			}
		})
	}
}

func TestTheWholePreflightAnswerToAChatPage(t *testing.T) {
	p := mustNew(t, origins(exactOrigin))
	out, allowed, cause := p.Preflight([]byte("HTTP/1.1 204 No Content\r\n"), PreflightRequest{
		Origin: []byte(exactOrigin), Method: []byte("POST"), Headers: []byte(sdkPreflight)})
	want := "HTTP/1.1 204 No Content\r\n" +
		"Access-Control-Allow-Origin: https://chat.example.com\r\n" +
		"Access-Control-Allow-Methods: POST\r\n" +
		"Access-Control-Allow-Headers: " + sdkPreflight + "\r\n" +
		"Access-Control-Max-Age: 600\r\n" +
		"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
	if string(out) != want || !allowed || cause != "" {
		t.Errorf("allowed %v, cause %q\n got  %s\n want %s", allowed, cause, out, want)
	}
}

func TestARefusedPreflightSaysWhatStoodInTheWay(t *testing.T) {
	p := mustNew(t, Options{AllowedOrigins: []string{exactOrigin}, AllowedMethods: []string{"POST"}})
	const varyLine = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
	for _, tc := range []struct{ name, origin, method, headers, want string }{
		{"an unknown origin", unknown, "POST", "", CauseOrigin},
		{"an unknown origin comes before all else", unknown, "PUT", "x-unknown", CauseOrigin},
		{"no origin", "", "POST", "", CauseOrigin},
		{"a method that is not listed", exactOrigin, "PUT", "x-unknown", CauseMethod},
		{"a field that is not listed", exactOrigin, "POST", "authorization,x-unknown", CauseHeader},
		{"a list that is too long", exactOrigin, "POST", strings.Repeat("a", maxNameBytes+1), CauseHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, allowed, cause := p.Preflight(nil, PreflightRequest{
				Origin: []byte(tc.origin), Method: []byte(tc.method), Headers: []byte(tc.headers)})
			if allowed || cause != tc.want || string(out) != varyLine {
				t.Errorf("allowed %v, cause %q, want %q; fields %q", allowed, cause, tc.want, out)
			}
		})
	}
}

// The lists that browsers were seen to send with the OpenAI SDKs (Chromium 156
// with openai 4, 6 and 7).
func TestEverySDKPreflightIsAllowedByDefault(t *testing.T) {
	p := mustNew(t, origins(exactOrigin))
	for _, tc := range []struct{ name, headers string }{
		{"a chat with openai 7", sdkPreflight},
		{"a chat with AzureOpenAI", strings.Replace(sdkPreflight, "authorization", "api-key", 1)},
		{"a list or an upload", strings.Replace(sdkPreflight, "content-type,", "", 1)},
		{"openai 4", sdkPreflight + ",x-stainless-timeout"},
		{"organisation and project", strings.Replace(sdkPreflight, "content-type", "content-type,openai-organization,openai-project", 1)},
		{"APIM's own key field", "content-type,ocp-apim-subscription-key"},
		{"Azure's previews", "aoai-copy-ft-checkpoints,aoai-evals,api-key,content-type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, allowed, cause := p.Preflight(nil, PreflightRequest{
				Origin: []byte(exactOrigin), Method: []byte("POST"), Headers: []byte(tc.headers)})
			if !allowed {
				t.Errorf("refused because of the %s", cause)
			}
		})
	}
}

// The contract's list, spelled out so that a name lost from the code is seen.
func TestEachFieldOfTheSDKsIsAllowedAlone(t *testing.T) {
	const names = "accept authorization content-type user-agent api-key ocp-apim-subscription-key " +
		"openai-beta openai-organization openai-project aoai-evals aoai-copy-ft-checkpoints " +
		"idempotency-key traceparent tracestate x-request-id x-client-request-id x-ms-client-request-id " +
		"x-stainless-arch x-stainless-async x-stainless-custom-poll-interval x-stainless-helper-method " +
		"x-stainless-lang x-stainless-os x-stainless-package-version x-stainless-poll-helper " +
		"x-stainless-raw-response x-stainless-read-timeout x-stainless-retry-count x-stainless-runtime " +
		"x-stainless-runtime-version x-stainless-timeout"
	p := mustNew(t, origins(exactOrigin))
	for name := range strings.FieldsSeq(names) {
		_, allowed, _ := p.Preflight(nil, PreflightRequest{
			Origin: []byte(exactOrigin), Method: []byte("POST"), Headers: []byte(name)})
		if !allowed {
			t.Errorf("%s is refused", name)
		}
	}
}

func TestOnlyOPTIONSWithOriginAndRequestMethodIsAPreflight(t *testing.T) {
	for _, tc := range []struct {
		method                      string
		hasOrigin, hasRequestMethod bool
		want                        bool
	}{
		{"OPTIONS", true, true, true},
		{"OPTIONS", true, false, false},
		{"OPTIONS", false, true, false},
		{"POST", true, true, false},
		{"options", true, true, false},
	} {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			if got := IsPreflight([]byte(tc.method), tc.hasOrigin, tc.hasRequestMethod); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func origins(list ...string) Options { return Options{AllowedOrigins: list} }
