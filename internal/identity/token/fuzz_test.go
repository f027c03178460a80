package token

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// FuzzVerify holds that nothing but the tokens that the issuer has made passes, whatever
// is done to their text, and that explain agrees.
func FuzzVerify(f *testing.F) {
	sets := []*keyset.Set{goodSet(f)}
	p := compile(f, partner(), decryption(f, privatePEM())...)
	genuine := map[string]bool{}
	for _, tc := range goodTokens() {
		genuine[payloadOf(tc.text)] = true
		f.Add(tc.text)
	}
	for _, part := range [][]hostile{forms(), algorithmTokens(), headerTokens(), signatures(), times(), audiences(), payloads()} {
		for _, tc := range part {
			f.Add(tc.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, r := p.Verify(text, now, sets)
		if (v == nil) == (r == nil) {
			t.Fatalf("verified %v, refused %v", v, r)
		}
		if v != nil && !strings.Contains(text, ".") {
			t.Fatal("what is no token passes")
		}
		if v != nil && strings.Count(text, ".") == dotsInJWS && !genuine[payloadOf(text)] {
			t.Fatalf("%q passes, which nobody has signed", text)
		}
		for _, line := range p.Describe(text, now) {
			if strings.ContainsAny(line, "\x00\x1b\r\n") {
				t.Fatalf("explain would show %q", line)
			}
		}
		refused := false
		for _, found := range p.Explain(text, now, sets) {
			refused = refused || found.Refusal != nil
		}
		if refused != (r != nil) {
			t.Fatalf("explain says refused: %v, the data path %v", refused, r)
		}
	})
}

// payloadOf is what of a token is signed, save the header: an attacker may not exchange it.
func payloadOf(text string) string {
	_, rest, _ := strings.Cut(text, ".")
	payload, _, _ := strings.Cut(rest, ".")
	return payload
}
