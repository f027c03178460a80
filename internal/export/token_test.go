package export

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/rewrite"
)

// byText is the expression for tokens in the way of an engine without looking ahead.
var (
	rest    = regexp.MustCompile(`^` + tokenRest + `$`)
	start   = regexp.MustCompile(`^` + tokenStart)
	byText  = func(v string) bool { return start.MatchString(v) && rest.MatchString(v) }
	encoded = base64.RawURLEncoding.EncodeToString
)

// isToken asks the rules that the edge itself follows.
func isToken(t *testing.T, v string) bool {
	t.Helper()
	p, err := rewrite.NewPolicy(rewrite.Options{})
	testkit.Must(t, err)
	d := p.Decide([]rewrite.Field{{Name: []byte("Authorization"), Value: []byte("Bearer " + v)}}, nil)
	return d.Reason == rewrite.ReasonToken
}

// TestTokensAreKnownByTheirText: wherever alg stands in a header, the expression finds it,
// and it takes no header without it for a token.
func TestTokensAreKnownByTheirText(t *testing.T) {
	tails := []string{".a.b", ".a.b.c.d", ".a", ".a.b.c", ""}
	for n := range 12 {
		before := strings.Repeat("k", n)
		for _, header := range []string{
			`{"` + before + `":"x","alg":"RS256"}`, `{"alg":"RS256","kid":"` + before + `"}`, `{ "` + before + `": "x", "alg": "ES256" }`,
			`{"` + before + `":"alg","typ":"JWT"}`, `{"` + before + `algo":"x"}`, `{"` + before + `":"JWT"}`, before + `"alg":"RS256"`,
		} {
			for _, tail := range tails {
				v := encoded([]byte(header)) + tail
				if got, want := byText(v), isToken(t, v); got != want {
					t.Errorf("header %s, tail %q: by its text a token: %v, by the rules: %v", header, tail, got, want)
				}
			}
		}
	}
	for _, v := range []string{"eyJ.a.b", "a.b.c", "0123456789abcdef0123456789abcdef", "eyJhbGciOiJSUzI1NiJ9Cg==.b.c"} {
		if got, want := byText(v), isToken(t, v); got != want {
			t.Errorf("%s: by its text a token: %v, by the rules: %v", v, got, want)
		}
	}
}
