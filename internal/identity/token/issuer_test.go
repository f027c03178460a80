package token

import (
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// An issuer's keys are its own, also where another one has given its key the same id.
func TestKeysBelongToTheirIssuer(t *testing.T) {
	const second = "https://second.example.com"
	mine := set(t, trusted, jwks(jwk(&rsaKey().PublicKey, "r1", "")))
	theirs := set(t, second, jwks(jwk(&otherRSA().PublicKey, "r1", "")))
	of := func(key, iss string) string {
		payload := changed(map[string]string{"iss": `"` + iss + `"`})
		return text(goodHeader) + "." + text(payload) + "." + b64(signature(key, text(goodHeader)+"."+text(payload)))
	}
	two := partner()
	two.OpenIDConfigs = []string{trusted + "/a", second + "/b"}
	named := two
	named.Issuers = []string{trusted}
	renamed := partner()
	renamed.Issuers = []string{"https://old-name.example.com", trusted}
	static := Options{Audiences: []string{api}, Issuers: []string{trusted, second}, SigningKeys: []string{"file:/k"}}
	mixed := partner()
	mixed.Issuers, mixed.SigningKeys = []string{trusted}, []string{"file:/k"}
	pem := func(k any) *keyset.Set { return set(t, "", string(publicPEM(k))) }

	for _, tc := range []struct {
		name string
		o    Options
		sets []*keyset.Set
		text string
		want string
	}{
		{"each by its own key", two, []*keyset.Set{mine, theirs}, of("RS256", trusted), ""},
		{"each by its own key, the other", two, []*keyset.Set{mine, theirs}, of("other", second), ""},
		{"the second signs for the first", two, []*keyset.Set{mine, theirs}, of("other", trusted), "signature"},
		{"the first signs for the second", two, []*keyset.Set{mine, theirs}, of("RS256", second), "signature"},
		{"an issuer that is not listed", named, []*keyset.Set{mine, theirs}, of("other", second), "issuer"},
		{"one is not reached, and it is not this token's", two, []*keyset.Set{mine, nil}, of("RS256", trusted), ""},
		{"one is not reached, and it may be this token's", two, []*keyset.Set{mine, nil}, of("other", second), "issuer unavailable"},
		{"all are reached, and none says it", two, []*keyset.Set{mine, theirs}, of("RS256", "https://third.example.com"), "issuer"},
		{"a name that the metadata does not say", renamed, []*keyset.Set{mine}, of("RS256", "https://old-name.example.com"), ""},
		{"keys without metadata", static, []*keyset.Set{mine}, of("RS256", second), ""},
		{"keys without metadata, of others", static, []*keyset.Set{mine}, of("RS256", "https://third.example.com"), "issuer"},
		{"a key in PEM has any id", static, []*keyset.Set{pem(&rsaKey().PublicKey)}, of("RS256", trusted), ""},
		{"and does for a token without one", static, []*keyset.Set{pem(&rsaKey().PublicKey)}, sign("RS256", `{"alg":"RS256"}`, goodPayload), ""},
		{"another key in PEM", static, []*keyset.Set{pem(&otherRSA().PublicKey)}, of("RS256", trusted), "signature"},
		{"the second of two in PEM", static, []*keyset.Set{set(t, "", string(publicPEM(&otherRSA().PublicKey))+string(publicPEM(&rsaKey().PublicKey)))}, of("RS256", trusted), ""},
		{"metadata and a key beside it", mixed, []*keyset.Set{mine, pem(&otherRSA().PublicKey)}, of("other", trusted), ""},
		{"the metadata is not reached, the key beside it does", mixed, []*keyset.Set{nil, mine}, of("RS256", trusted), ""},
		{"the metadata is not reached, and its key is wanted", mixed, []*keyset.Set{nil, theirs}, sign("RS256", `{"alg":"RS256","kid":"r9"}`, goodPayload), "key unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) { wantCheck(t, compile(t, tc.o), tc.text, tc.sets, tc.want) })
	}
}

// The odd key sets of identity facts 2.1 and 3, with a good token.
func TestOddKeySets(t *testing.T) {
	good, wrong := jwk(&rsaKey().PublicKey, "r1", ""), jwk(&otherRSA().PublicKey, "r1", "")
	oct := `{"kty":"oct","kid":"r1","alg":"HS256","k":"` + text("0123456789abcdef0123456789abcdef") + `"}`
	goodText := sign("RS256", goodHeader, goodPayload)
	for _, tc := range []struct {
		name     string
		document string
		text     string
		want     string
	}{
		{"a wrong key first under the same id", jwks(wrong, good), goodText, ""},
		{"a wrong key last under the same id", jwks(good, wrong), goodText, ""},
		{"only a wrong key", jwks(wrong), goodText, "signature"},
		{"nine wrong keys first: they are too many", jwks(nine()...), goodText, "signature"},
		{"use enc", jwks(jwk(&rsaKey().PublicKey, "r1", `,"use":"enc"`), jwk(&ecKey().PublicKey, "e1", "")), goodText, "key"},
		{"key_ops encrypt", jwks(jwk(&rsaKey().PublicKey, "r1", `,"key_ops":["encrypt"]`), jwk(&ecKey().PublicKey, "e1", "")), goodText, "key"},
		{"key_ops empty", jwks(jwk(&rsaKey().PublicKey, "r1", `,"key_ops":[]`), jwk(&ecKey().PublicKey, "e1", "")), goodText, "key"},
		{"key_ops verify", jwks(jwk(&rsaKey().PublicKey, "r1", `,"key_ops":["verify"]`)), goodText, ""},
		{"the key's own alg is another", jwks(jwk(&rsaKey().PublicKey, "r1", `,"alg":"RS512"`)), goodText, "key"},
		{"the key's own alg is this", jwks(jwk(&rsaKey().PublicKey, "r1", `,"alg":"RS256"`)), goodText, ""},
		{"an oct key beside", jwks(oct, good), hs256([]byte("0123456789abcdef0123456789abcdef"), `{"alg":"HS256","kid":"r1"}`, goodPayload), "header"},
		{"an oct key does not hide the good one", jwks(oct, good), goodText, ""},
		{"a kty that nobody knows", jwks(`{"kty":"PQC","kid":"r1"}`, good), goodText, ""},
		{"ML-DSA without its parts", jwks(`{"kty":"AKP","alg":"ML-DSA-65","kid":"r1"}`, good), goodText, ""},
		{"secp256k1", jwks(`{"kty":"EC","crv":"secp256k1","kid":"r1","x":"AA","y":"AA"}`, good), goodText, ""},
		{"a point that is not on the curve", jwks(`{"kty":"EC","crv":"P-256","kid":"r1","x":"`+b64(make([]byte, 32))+`","y":"`+b64(make([]byte, 32))+`"}`, good), goodText, ""},
		{"RSA of 512 bits", jwks(`{"kty":"RSA","kid":"r1","n":"`+b64(append([]byte{0xff}, make([]byte, 63)...))+`","e":"AQAB"}`, good), goodText, ""},
		{"RSA with the exponent 1", jwks(`{"kty":"RSA","kid":"r1","n":"`+b64(rsaKey().N.Bytes())+`","e":"AQ"}`, good), goodText, ""},
		{"RSA of 16,384 bits", jwks(`{"kty":"RSA","kid":"r1","n":"`+b64(append([]byte{0xff}, make([]byte, 2047)...))+`","e":"AQAB"}`, good), goodText, ""},
		{"a broken x5c", jwks(jwk(&rsaKey().PublicKey, "r1", `,"x5c":["%%%"],"x5t":7`)), goodText, ""},
		{"a key that is a text", jwks(`"r1"`, good), goodText, ""},
		{"a key that is null", jwks(`null`, good), goodText, ""},
		{"an id that is a number", jwks(`{"kid":1,`+jwk(&rsaKey().PublicKey, "", "")[1:], good), goodText, ""},
		{"a private part beside the public ones is not read", jwks(jwk(&rsaKey().PublicKey, "r1", `,"d":"AA"`)), goodText, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantCheck(t, compile(t, partner()), tc.text, []*keyset.Set{set(t, trusted, tc.document)}, tc.want)
		})
	}
}

// nine are keys under one id, each with a member that makes it another one, the good
// one last.
func nine() (keys []string) {
	for _, beside := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		keys = append(keys, jwk(&otherRSA().PublicKey, "r1", `,"issuer":"`+beside+`"`))
	}
	return append(keys, jwk(&rsaKey().PublicKey, "r1", ""))
}
