package corsx

import (
	"strconv"
	"strings"
	"testing"
)

const sdkExposed = "Retry-After, Retry-After-Ms, X-Should-Retry, X-Request-Id, Apim-Request-Id, X-Ms-Region, " +
	"X-Apim-Edge-Error, X-Apim-Edge-Decision, X-Apim-Edge-Hint, Server-Timing, Location"

func TestTheCORSFieldsOfAResponse(t *testing.T) {
	plain := origins(exactOrigin)
	for _, tc := range []struct {
		name    string
		options Options
		origin  string
		names   string // of the response, separated by spaces
		want    string // "|" ends a line; empty: refused
	}{
		{"an allowed origin", plain, exactOrigin, "content-type",
			"Access-Control-Allow-Origin: https://chat.example.com|Access-Control-Expose-Headers: " + sdkExposed},
		{"a refused origin", plain, unknown, "", ""},
		{"no origin", plain, "", "", ""},
		{"families are exposed by the names that are present", plain, exactOrigin,
			"date x-ratelimit-limit-tokens OpenAI-Processing-Ms x-ms-region openai-version",
			"Access-Control-Allow-Origin: https://chat.example.com|Access-Control-Expose-Headers: " + sdkExposed +
				", x-ratelimit-limit-tokens, OpenAI-Processing-Ms, openai-version"},
		{"a name that comes twice is exposed once", plain, exactOrigin, "openai-model OpenAI-Model openai-model",
			"Access-Control-Allow-Origin: https://chat.example.com|Access-Control-Expose-Headers: " + sdkExposed + ", openai-model"},
		{"a name that the options list is not repeated",
			Options{AllowedOrigins: []string{exactOrigin}, ExposedHeaders: []string{"X-RateLimit-Reset-Tokens"}},
			exactOrigin, "x-ratelimit-reset-tokens openai-model",
			"Access-Control-Allow-Origin: https://chat.example.com|Access-Control-Expose-Headers: " + sdkExposed + ", X-Ratelimit-Reset-Tokens, openai-model"},
		{"a name that is no token is left out", plain, exactOrigin, "openai-a\r\nset-cookie:b openai-,c", "Access-Control-Allow-Origin: https://chat.example.com|Access-Control-Expose-Headers: " + sdkExposed},
		{"credentials", Options{AllowedOrigins: []string{exactOrigin}, AllowCredentials: true}, exactOrigin, "",
			"Access-Control-Allow-Origin: https://chat.example.com|Access-Control-Allow-Credentials: true|Access-Control-Expose-Headers: " + sdkExposed},
		{"every origin", origins("*"), unknown, "",
			"Access-Control-Allow-Origin: *|Access-Control-Expose-Headers: " + sdkExposed},
		{"every exposed field", Options{AllowedOrigins: []string{exactOrigin}, ExposedHeaders: []string{"*"}}, exactOrigin, "openai-model",
			"Access-Control-Allow-Origin: https://chat.example.com|Access-Control-Expose-Headers: *"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var names [][]byte
			for n := range strings.SplitSeq(tc.names, " ") {
				names = append(names, []byte(n))
			}
			want := strings.ReplaceAll(tc.want, "|", "\r\n")
			if want != "" {
				want += "\r\n"
			}
			out, allowed := mustNew(t, tc.options).AppendResponse([]byte("X-Before: 1\r\n"), []byte("POST"), []byte(tc.origin), names)
			if string(out) != "X-Before: 1\r\n"+want || allowed != (want != "") {
				t.Errorf("allowed %v\n got  %s\n want %s", allowed, out, want)
			}
		})
	}
}

func TestFamiliesExposeABoundedNumberOfNames(t *testing.T) {
	var names [][]byte
	for i := range 1000 {
		names = append(names, []byte("openai-"+strconv.Itoa(i)))
	}
	out, _ := mustNew(t, origins("*")).AppendResponse(nil, []byte("GET"), []byte(unknown), names)
	if got := strings.Count(string(out), "openai-"); got != maxExpanded {
		t.Errorf("%d names exposed, want %d", got, maxExpanded)
	}
	long := []byte("openai-" + strings.Repeat("a", maxExpandedBytes/2))
	out, _ = mustNew(t, origins("*")).AppendResponse(nil, []byte("GET"), []byte(unknown), [][]byte{[]byte("openai-x"), long, long, []byte("openai-y")})
	if got := strings.Count(string(out), "openai-"); got != 2 {
		t.Errorf("%d names exposed of which the third is beyond the bound of bytes, want 2", got)
	}
}

func TestNamesOfFamiliesAndOwnedFieldsAreComparedWithoutCase(t *testing.T) {
	for _, tc := range []struct {
		name          string
		family, owned bool
	}{
		{"x-ratelimit-remaining-tokens", true, false},
		{"X-RateLimit-Limit-Requests", true, false},
		{"OpenAI-Version", true, false},
		{"x-ratelimit-", false, false},
		{"openai", false, false},
		{"x-ratelimits-a", false, false},
		{"Access-Control-Allow-Origin", false, true},
		{"ACCESS-CONTROL-EXPOSE-HEADERS", false, true},
		{"access-control", false, false},
		{"x-access-control-allow-origin", false, false},
		{"acceſs-control-allow-origin", false, false},
		{"vary", false, false},
		{"", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Family([]byte(tc.name)); got != tc.family {
				t.Errorf("Family = %v, want %v", got, tc.family)
			}
			if got := Owned([]byte(tc.name)); got != tc.owned {
				t.Errorf("Owned = %v, want %v", got, tc.owned)
			}
		})
	}
}

func TestAllowsAsksForTheOriginOnly(t *testing.T) {
	p := mustNew(t, Options{AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"DELETE"}})
	for _, tc := range []struct {
		origin string
		want   bool
	}{
		{"https://a.example.com", true},
		{"https://a.example.com.evil.test", false},
		{"https://evil.test/.example.com", false},
		{"https://evil.test:80.example.com", false},
		{"https://evil.test#.example.com", false},
		{"https://me@.example.com", false},
		{"https://.example.com", false},
		{"https://" + strings.Repeat("a.", 300) + "example.com", false},
		{"", false},
	} {
		if got := p.Allows([]byte(tc.origin)); got != tc.want {
			t.Errorf("Allows(%q) = %v, want %v", tc.origin, got, tc.want)
		}
	}
}
