package rewrite

import (
	"encoding/base64"
	"strings"
	"testing"
)

// tokenHeaders are JOSE headers and what only looks like one.
var tokenHeaders = []string{
	`{"alg":"RS256"}`, `{"typ":"JWT","nonce":"x","alg":"RS256","x5t":"a","kid":"b"}`, " {\n\t\"alg\" : \"none\" }\r\n",
	`{"alg":"","b64":false,"crit":["b64"]}`, `{"jwk":{"kty":"EC","alg":1},"alg":"ES256"}`, `{"\u0061lg":"HS256"}`, `{"alg":"\"}"}`,
	`{"alg":1}`, `{"alg":null}`, `{"Alg":"RS256"}`, `{"alg":"RS256"`, `{"alg":"RS256"}x`, `{"alg":"RS256",}`, `{"typ":"JWT"}`, `{}`, `[]`, `null`, `"alg"`,
	`{"alg":"a","alg":1}`, `{"alg":1,"alg":"a"}`, "{\"alg\":\"a\x01\"}", "{\"alg\":\"\xff\"}", `{"a":{"alg":"x"}}`, `{"alg":"x","a":1e999}`, `{"alg":"x" "b":"y"}`,
	`{"alg" "x"}`, `{"alg":"a\","b":"c"}`, `{"alg`, `{"alg":`, ``,
}

func TestIsToken(t *testing.T) {
	long := compact(`{"alg":"RS256","x5c":["`+strings.Repeat("MII", 2000)+`"]}`, 3)
	longStrings := compact(`{"kid":"`+strings.Repeat("k", 4000)+`","alg":"RS256"}`, 3)
	padded := base64.URLEncoding.EncodeToString([]byte(`{"alg":"HS256" }`)) + ".a.b"
	for _, tc := range []struct {
		name  string
		value string
		want  bool
	}{
		{"a JWS", token, true},
		{"a JWE", jwe, true},
		{"a JWS without a signature", compact(`{"alg":"none"}`, 2) + ".", true},
		{"a JWE without an encrypted key", compact(`{"alg":"dir"}`, 1) + "..a.b.c", true},
		{"a padded header", padded, true},
		{"a header longer than usual, with certificates", long, true},
		{"a header longer than usual, of strings", longStrings, true},
		{"a header that does not begin with eyJ", compact(` {"alg":"RS256"}`, 3), true},
		{"a subscription key", key, false},
		{"a key that begins with eyJ", "eyJhbGciOiJSUzI1NiJ9", false},
		{"a key with two dots", "abc.def.ghi", false},
		{"two parts", compact(`{"alg":"RS256"}`, 2), false},
		{"four parts", compact(`{"alg":"RS256"}`, 4), false},
		{"six parts", compact(`{"alg":"RS256"}`, 6), false},
		{"no alg", compact(`{"typ":"JWT"}`, 3), false},
		{"an alg that is no string", compact(`{"alg":5}`, 3), false},
		{"a list", compact(`["alg"]`, 3), false},
		{"padding that does not fit", strings.Replace(padded, "=", "==", 1), false},
		{"the alphabet of plain base64", base64.RawStdEncoding.EncodeToString([]byte(`{"alg":"???>>>"}`)) + ".a.b", false},
		{"only dots", "..", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := isToken([]byte(tc.value)); got != tc.want {
				t.Errorf("isToken(%q) = %v, want %v", tc.value, got, tc.want)
			}
		})
	}
}

// TestIsTokenAtTheBufferBound: headers around the size of the stack buffer.
func TestIsTokenAtTheBufferBound(t *testing.T) {
	for n := usualHeader - 8; n < usualHeader+8; n++ {
		header := `{"alg":"RS256","kid":"` + strings.Repeat("k", n-24) + `"}`
		if value := compact(header, 3); len(header) != n || !isToken([]byte(value)) {
			t.Errorf("a header of %d bytes is no token", len(header))
		}
	}
}
