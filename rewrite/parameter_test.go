package rewrite

import (
	"strings"
	"testing"
)

func TestSoleParameter(t *testing.T) {
	for _, tc := range []struct{ query, want string }{
		{"jwt=t", "t"},
		{"a=b&jwt=t&c", "t"},
		{"JWT=t", "t"},
		{"%6Awt=t", "t"},
		{"jwt=%41", "%41"}, // as it stands there
		{"", ""},
		{"&&", ""},
		{"jwt", ""},
		{"xjwt=t&jwtx=t&jw=t", ""},
		{"jwt=t&jwt=t", ""},
		{"jwt=t&Jwt=u", ""},
		{"j%57t=u&jwt=t", ""},
		{"jwt&jwt=t", ""},
		{"jwt=t&" + strings.Repeat("%6A", 100) + "=u", "t"},
	} {
		if got := string(SoleParameter([]byte(tc.query), "jwt")); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.query, got, tc.want)
		}
	}
	query := []byte("a=b&%6Awt=" + strings.Repeat("x", 1000))
	if n := testing.AllocsPerRun(100, func() { SoleParameter(query, "jwt") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
