package corsx

import (
	"fmt"
	"slices"
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
		{"the shell of an app", origins("app://-", "app://.", "capacitor-electron://-", "tauri://localhost", "ionic://localhost", "app://obsidian.md", "file://"), ""},
		{"a wildcard for the extensions of a browser", origins("moz-extension://*", "vscode-webview://*"), ""},
		{"an extension of Safari, whose host is in upper case", origins("safari-web-extension://1B5E9C8A-0000-4000-8000-00805F9B34FB"), ""},
		{"every exposed field", Options{AllowedOrigins: []string{"*"}, ExposedHeaders: []string{"*"}}, ""},

		{"a path", origins("https://chat.example.com/app"), `allowed_origins[0]: found "https://chat.example.com/app", but an origin has no path, also no slash at its end; did you mean "https://chat.example.com"?`},
		{"the path of an app", origins("app://-/index.html"), `allowed_origins[0]: found "app://-/index.html", but an origin has no path, also no slash at its end; did you mean "app://-"?`},
		{"a query", origins("https://chat.example.com?a"), `allowed_origins[0]: found "https://chat.example.com?a", but ` + wrongOrigin},
		{"a slash", origins("null", "https://chat.example.com/"), `allowed_origins[1]: found "https://chat.example.com/", but an origin has no path, also no slash at its end; did you mean "https://chat.example.com"?`},
		{"no scheme", origins("chat.example.com"), `allowed_origins[0]: found "chat.example.com", but an origin is scheme://host or scheme://host:port; did you mean "https://chat.example.com"?`},
		{"no scheme on this machine", origins("localhost:3000"), `allowed_origins[0]: found "localhost:3000", but an origin is scheme://host or scheme://host:port; did you mean "http://localhost:3000"?`},
		{"upper case", origins("https://Chat.Example.com"), `allowed_origins[0]: found "https://Chat.Example.com", but browsers send origins in lower case; did you mean "https://chat.example.com"?`},
		{"a scheme in upper case", origins("App://-"), `allowed_origins[0]: found "App://-", but browsers send origins in lower case; did you mean "app://-"?`},
		{"the default port", origins("https://chat.example.com:443"), `allowed_origins[0]: found "https://chat.example.com:443", but browsers leave out port 443 of https; did you mean "https://chat.example.com"?`},
		{"an empty origin", origins(""), "allowed_origins[0]: " + wrongOrigin},
		{"two origins in one", origins("https://a.example.com, b.example.com"), `allowed_origins[0]: found "https://a.example.com, b.example.com", but ` + wrongOrigin},
		{"user information", origins("https://me@chat.example.com"), `allowed_origins[0]: found "https://me@chat.example.com", but ` + wrongOrigin},
		{"a name outside ASCII", origins("https://bücher.example"), `allowed_origins[0]: found "https://bücher.example", but ` + wrongOrigin},
		{"an address that is none", origins("https://256.1.1.1"), `allowed_origins[0]: found "https://256.1.1.1", but ` + wrongOrigin},
		{"no host", origins("https://"), `allowed_origins[0]: found "https://", but ` + wrongOrigin},
		{"an app with a port and no host", origins("app://:1"), `allowed_origins[0]: found "app://:1", but ` + wrongOrigin},
		{"a port that is no number", origins("https://chat.example.com:x"), `allowed_origins[0]: found "https://chat.example.com:x", but the port is no number`},
		{"a port without a number", origins("https://chat.example.com:"), `allowed_origins[0]: found "https://chat.example.com:", but the port is no number`},
		{"a wildcard that others can register", origins("https://*example.com"), `allowed_origins[0]: found "https://*example.com", but ` + wrongWildcard},
		{"a wildcard at the end", origins("https://example.*"), `allowed_origins[0]: found "https://example.*", but ` + wrongWildcard},
		{"a wildcard before a dot only", origins("https://*."), `allowed_origins[0]: found "https://*.", but ` + wrongOrigin},
		{"a port that is too large", origins("https://a.example.com:65536"), `allowed_origins[0]: found "https://a.example.com:65536", but the port is no number`},
		{"two wildcards", origins("https://*.example.com:*"), `allowed_origins[0]: found "https://*.example.com:*", but an origin has one * at most`},
		{"a wildcard in the scheme", origins("http*://example.com"), `allowed_origins[0]: found "http*://example.com", but ` + wrongOrigin},
		{"a wildcard beside an empty label", origins("https://*.a..b"), `allowed_origins[0]: found "https://*.a..b", but ` + wrongOrigin},

		{"every origin with credentials", Options{AllowedOrigins: []string{"*"}, AllowCredentials: true}, `allowed_origins[0]: found "*", but ` + wrongCredentials},
		{"a whole host as wildcard with credentials", Options{AllowedOrigins: []string{"https://*:8443"}, AllowCredentials: true}, `allowed_origins[0]: found "https://*:8443", but ` + wrongCredentials},
		{"the null origin with credentials", Options{AllowedOrigins: []string{"null"}, AllowCredentials: true}, `allowed_origins[0]: found "null", but ` + wrongCredentials},
		{"saved pages with credentials", Options{AllowedOrigins: []string{"file://"}, AllowCredentials: true}, `allowed_origins[0]: found "file://", but ` + wrongCredentials},
		{"every exposed field with credentials", Options{ExposedHeaders: []string{"*"}, AllowCredentials: true}, `exposed_headers[0]: found "*", but ` + wrongExposed},
		{"a method in lower case", Options{AllowedMethods: []string{"get"}}, `allowed_methods[0]: found "get", but methods are in upper case; did you mean "GET"?`},
		{"a method that browsers refuse", Options{AllowedMethods: []string{"GET", "TRACE"}}, `allowed_methods[1]: found "TRACE", but ` + wrongMethod},
		{"every method", Options{AllowedMethods: []string{"*"}}, `allowed_methods[0]: found "*", want a method, such as GET`},
		{"no method", Options{AllowedMethods: []string{"GET, POST"}}, `allowed_methods[0]: found "GET, POST", want a method, such as GET`},
		{"no field name", Options{AllowedHeaders: []string{"x team"}}, "allowed_headers[0]: " + wrongName},
		{"a wildcard in a name", Options{ExposedHeaders: []string{"x-cost-*"}}, `exposed_headers[0]: found "x-cost-*", but ` + wrongFamily},
		{"less than a second", Options{MaxAge: time.Millisecond}, "max_age: " + wrongMaxAge},
		{"two faults at once", Options{AllowedOrigins: []string{"app://-/"}, AllowedMethods: []string{"*"}},
			"allowed_origins[0]: found \"app://-/\", but an origin has no path, also no slash at its end; did you mean \"app://-\"?\nallowed_methods[0]: found \"*\", want a method, such as GET"},
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

// TestWhatIsAllowedWithoutBeingListed: nil asks for the default, an empty list for none.
func TestWhatIsAllowedWithoutBeingListed(t *testing.T) {
	for _, tc := range []struct {
		name            string
		options         Options
		method, headers string
		want            bool
	}{
		{"a method of the default", origins(exactOrigin), "DELETE", "", true},
		{"a method where none is listed", Options{AllowedOrigins: []string{exactOrigin}, AllowedMethods: []string{}}, "POST", "", false},
		{"what the OpenAI Agents SDK sends", origins(exactOrigin), "POST", "authorization,content-type,x-openai-agents-sdk", true},
		{"another field", origins(exactOrigin), "POST", "x-openai-agent", false},
	} {
		_, got, _ := mustNew(t, tc.options).Preflight(nil, PreflightRequest{
			Origin: []byte(exactOrigin), Method: []byte(tc.method), Headers: []byte(tc.headers)})
		if got != tc.want {
			t.Errorf("%s: %s with %q is allowed: %v, want %v", tc.name, tc.method, tc.headers, got, tc.want)
		}
	}
}

func TestARefusedPreflightSaysWhatStoodInTheWay(t *testing.T) {
	p := mustNew(t, Options{AllowedOrigins: []string{exactOrigin}, AllowedMethods: []string{"POST"}})
	const varyLine = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
	offer := "Access-Control-Allow-Origin: " + exactOrigin + "\r\nAccess-Control-Allow-Methods: POST\r\n" +
		"Access-Control-Allow-Headers: " + strings.Join(slices.Sorted(slices.Values(sdkRequestFields)), ", ") + "\r\n"
	for _, tc := range []struct{ name, origin, method, headers, want, unlisted, offer string }{
		{"an unknown origin", unknown, "POST", "", CauseOrigin, "", ""},
		{"an unknown origin comes before all else", unknown, "PUT", "x-unknown", CauseOrigin, "", ""},
		{"no origin", "", "POST", "", CauseOrigin, "", ""},
		{"a method that is not listed", exactOrigin, "PUT", "x-unknown", CauseMethod, "PUT", offer},
		{"a method that browsers send without being allowed to", exactOrigin, "GET", "authorization", CauseMethod, "GET", ""},
		{"a field that is not listed", exactOrigin, "POST", "authorization,X-Unknown", CauseHeader, "x-unknown", offer},
		{"several fields", exactOrigin, "POST", "z,authorization,a", CauseHeader, "a,z", offer},
		{"a list that is none", exactOrigin, "POST", "a b", CauseHeader, "", ""},
		{"a list that is too long", exactOrigin, "POST", strings.Repeat("a", maxNameBytes+1), CauseHeader, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := PreflightRequest{Origin: []byte(tc.origin), Method: []byte(tc.method), Headers: []byte(tc.headers)}
			out, allowed, cause := p.Preflight(nil, r)
			if allowed || cause != tc.want || string(out) != tc.offer+varyLine {
				t.Errorf("allowed %v, cause %q, want %q; fields %q, want %q", allowed, cause, tc.want, out, tc.offer+varyLine)
			}
			if got := p.Unlisted(r, cause); got != tc.unlisted {
				t.Errorf("Unlisted = %q, want %q", got, tc.unlisted)
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
