package corsx

import (
	"net/http"
	"testing"

	"github.com/rs/cors"
)

// TestTheLibraryStillHasItsTraps calls rs/cors alone: where it fails, the library
// has changed, and what we do about it is no longer needed. docs/workarounds.md
// lists them.
func TestTheLibraryStillHasItsTraps(t *testing.T) {
	const page = "https://chat.example.com"
	for _, tc := range []struct {
		trap       string
		options    cors.Options
		origin     string
		names      string
		field      string // of the answer
		want       string // what the trap puts there
		workaround string
	}{
		{"an empty list of origins allows every page", cors.Options{}, page, "", allowOrigin, "*", "libraryOptions in corsx/policy.go"},
		{"an empty list of methods allows some", cors.Options{AllowedOrigins: []string{page}, AllowedMethods: []string{}}, page, "", allowMethods, "POST", "libraryOptions in corsx/policy.go"},
		{"anything may stand for a wildcard", cors.Options{AllowedOrigins: []string{"https://*.example.com"}}, "https://evil.test/.example.com", "", allowOrigin, "https://evil.test/.example.com", "wellFormed in corsx/origin.go"},
		{"a wildcard need not begin at a dot", cors.Options{AllowedOrigins: []string{"https://*example.com"}}, "https://evilexample.com", "", allowOrigin, "https://evilexample.com", "checkWildcard in corsx/check.go"},
		{"asked names in upper case are refused", cors.Options{AllowedOrigins: []string{page}, AllowedHeaders: []string{"Authorization"}}, page, "Authorization", allowOrigin, "", "browserForm in corsx/preflight.go"},
		{"asked names out of order are refused", cors.Options{AllowedOrigins: []string{page}, AllowedHeaders: []string{"a", "b"}}, page, "b,a", allowOrigin, "", "browserForm in corsx/preflight.go"},
		{"what is no field name is echoed", cors.Options{AllowedOrigins: []string{page}, AllowedHeaders: []string{"*"}}, page, "a b", allowHeaders, "a b", "browserForm in corsx/preflight.go"},
		{"every page may send cookies", cors.Options{AllowedOrigins: []string{"*"}, AllowCredentials: true}, page, "", allowCreds, "true", "checkCredentials in corsx/check.go"},
		{"a maximum age of 0 says nothing", cors.Options{AllowedOrigins: []string{page}, MaxAge: 0}, page, "", maxAge, "", "libraryOptions in corsx/policy.go"},
	} {
		t.Run(tc.trap, func(t *testing.T) {
			ask := http.Header{originField: {tc.origin}, requestMethod: {http.MethodPost}}
			if tc.names != "" {
				ask.Set(requestHeaders, tc.names)
			}
			answer := recorder{}
			cors.New(tc.options).HandlerFunc(answer, &http.Request{Method: http.MethodOptions, Header: ask})
			if got := answer.Header().Get(tc.field); got != tc.want {
				t.Errorf("rs/cors no longer does this: %s (%s is %q): the workaround in %s can go, and its line in docs/workarounds.md", tc.trap, tc.field, got, tc.workaround)
			}
		})
	}
}
