package token

import (
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// BenchmarkVerify is what a token costs that has not been seen before.
func BenchmarkVerify(b *testing.B) {
	pad := changed(map[string]string{"roles": `["Model.Use"]`, "x": `"` + string(make500()) + `"`})
	for name, text := range map[string]string{
		"RS256":     sign("RS256", goodHeader, pad),
		"ES256":     sign("ES256", `{"alg":"ES256","kid":"e1"}`, pad),
		"expired":   sign("RS256", goodHeader, changed(map[string]string{"exp": "1"})),
		"no token":  "0123456789abcdef0123456789abcdef",
		"dots":      string(dots()),
		"forged":    flip(sign("RS256", goodHeader, pad)),
		"none":      "eyJhbGciOiJub25lIn0." + text("{}") + ".AA",
		"encrypted": seal(b, sign("RS256", goodHeader, goodPayload), "RSA-OAEP-256", "A256GCM", nil),
	} {
		b.Run(name, func(b *testing.B) {
			sets := []*keyset.Set{goodSet(b)}
			p := compile(b, partner(), decryption(b, privatePEM())...)
			b.ReportAllocs()
			for b.Loop() {
				p.Verify(text, now, sets)
			}
		})
	}
}

func make500() []byte {
	out := make([]byte, 500)
	for i := range out {
		out[i] = 'x'
	}
	return out
}

func dots() []byte {
	out := make([]byte, 16_000)
	for i := range out {
		out[i] = '.'
	}
	return out
}
