package token

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// seal encrypts for the public half of rsaKey, as issuers do.
func seal(t testing.TB, inside string, alg jose.KeyAlgorithm, enc jose.ContentEncryption, o *jose.EncrypterOptions) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: &rsaKey().PublicKey, KeyID: "d1"}, o)
	testkit.Must(t, err)
	box, err := e.Encrypt([]byte(inside))
	testkit.Must(t, err)
	return mustKey(box.CompactSerialize())
}

func decryption(t testing.TB, data string) []*keyset.DecryptionKey {
	t.Helper()
	keys, err := keyset.ParseDecryption([]byte(data))
	testkit.Must(t, err)
	return keys
}

func privatePEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: mustKey(x509.MarshalPKCS8PrivateKey(rsaKey()))}))
}

func otherPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(otherRSA())}))
}

func TestEncryptedTokens(t *testing.T) {
	good := sign("RS256", goodHeader, goodPayload)
	oaep := func(inside string) string { return seal(t, inside, jose.RSA_OAEP_256, jose.A256GCM, nil) }
	header := func(name string, value any) *jose.EncrypterOptions {
		return (&jose.EncrypterOptions{}).WithHeader(jose.HeaderKey(name), value)
	}
	parts := strings.Split(oaep(good), ".")
	join := func(i int, part string) string {
		p := append([]string{}, parts...)
		p[i] = part
		return strings.Join(p, ".")
	}
	for _, tc := range []struct {
		name   string
		text   string
		want   string
		costly bool
	}{
		{"RSA-OAEP-256 and A256GCM", oaep(good), "", false},
		{"RSA-OAEP and A256CBC-HS512, as Entra", seal(t, good, jose.RSA_OAEP, jose.A256CBC_HS512, nil), "", false},
		{"cty and typ", seal(t, good, jose.RSA_OAEP, jose.A128GCM, (&jose.EncrypterOptions{}).WithContentType("JWT").WithType("JWT")), "", false},
		{"claims of the issuer in the header say nothing", seal(t, good, jose.RSA_OAEP_256, jose.A256GCM, header("iss", "https://evil.test")), "", false},
		{"an unsigned token inside (CVE-2026-29000)", oaep(text(`{"alg":"none"}`) + "." + text(goodPayload) + "."), "encryption", true},
		{"an unsigned token with a signature of nothing", oaep(text(`{"alg":"none","kid":"r1"}`) + "." + text(goodPayload) + ".AA"), "header", true},
		{"bare claims inside", oaep(goodPayload), "encryption", true},
		{"nothing inside", oaep(""), "encryption", true},
		{"a second encryption inside", oaep(oaep(good)), "encryption", true},
		{"a token of another issuer's key inside", oaep(text(goodHeader) + "." + text(goodPayload) + "." + b64(signature("other", text(goodHeader)+"."+text(goodPayload)))), "signature", true},
		{"an expired token inside", oaep(sign("RS256", goodHeader, changed(map[string]string{"exp": "1"}))), "expiration", true},
		{"a line end inside", oaep(good + "\n"), "encryption", true},
		{"RSA1_5 with a key for OAEP", seal(t, good, "RSA1_5", jose.A256GCM, nil), "encryption", false},
		{"compressed", seal(t, good, jose.RSA_OAEP_256, jose.A256GCM, &jose.EncrypterOptions{Compression: jose.DEFLATE}), "encryption", false},
		{"a zip bomb", seal(t, strings.Repeat("A", 4<<20), jose.RSA_OAEP_256, jose.A256GCM, &jose.EncrypterOptions{Compression: jose.DEFLATE}), "encryption", false},
		{"crit", join(0, text(`{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["x"],"x":1}`)), "encryption", false},
		{"crit null", join(0, text(`{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":null}`)), "encryption", false},
		{"alg twice", join(0, text(`{"alg":"dir","alg":"RSA-OAEP-256","enc":"A256GCM"}`)), "encryption", false},
		{"PBES2 that takes a minute", join(0, text(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":50000000,"p2s":"AAAA"}`)), "encryption", false},
		{"dir", join(0, text(`{"alg":"dir","enc":"A256GCM"}`)), "encryption", false},
		{"A128KW with the public key", join(0, text(`{"alg":"A128KW","enc":"A256GCM"}`)), "encryption", false},
		{"another enc than it was made with", join(0, text(`{"alg":"RSA-OAEP-256","enc":"A128GCM"}`)), "encryption", true},
		{"an unknown enc", join(0, text(`{"alg":"RSA-OAEP-256","enc":"A512"}`)), "encryption", false},
		{"no enc", join(0, text(`{"alg":"RSA-OAEP-256"}`)), "encryption", false},
		{"an empty encrypted key (CVE-2026-34986)", join(1, ""), "encryption", true},
		{"an encrypted key of one byte", join(1, "AA"), "encryption", true},
		{"an empty nonce", join(2, ""), "form", false},
		{"another nonce", join(2, "AAAAAAAAAAAAAAAA"), "encryption", true},
		{"an empty text", join(3, ""), "encryption", true},
		{"an empty tag", join(4, ""), "form", false},
		{"a tag of one byte", join(4, "AA"), "encryption", true},
		{"a key with another id", seal2(t, good), "encryption", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compile(t, partner(), decryption(t, jwkOf(t, "d1"))...)
			_, r := p.Verify(tc.text, now, []*keyset.Set{goodSet(t)})
			got, costly := "", false
			if r != nil {
				got, costly = r.Check.String(), r.Costly
			}
			if got != tc.want || costly != tc.costly {
				t.Errorf("got %q (costly: %v, %v), want %q (costly: %v)", got, costly, r, tc.want, tc.costly)
			}
		})
	}
}

// TestWhoWaitsForKeysIsNotBlamed: it is not the sender's fault that an issuer was never
// reached.
func TestWhoWaitsForKeysIsNotBlamed(t *testing.T) {
	p := compile(t, partner(), decryption(t, jwkOf(t, "d1"))...)
	_, r := p.Verify(seal(t, sign("RS256", goodHeader, goodPayload), jose.RSA_OAEP_256, jose.A256GCM, nil), now, []*keyset.Set{nil})
	if r == nil || r.Code != edgeerr.KeysUnavailable || r.Costly {
		t.Errorf("refusal %+v, want one that is not counted", r)
	}
}

// jwkOf writes the private key as a JWK with an id.
func jwkOf(t testing.TB, kid string) string {
	t.Helper()
	return string(mustKey(jose.JSONWebKey{Key: rsaKey(), KeyID: kid}.MarshalJSON()))
}

func seal2(t testing.TB, inside string) string {
	t.Helper()
	e := mustKey(jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: &rsaKey().PublicKey, KeyID: "d2"}, nil))
	return mustKey(mustKey(e.Encrypt([]byte(inside))).CompactSerialize())
}

func TestSeveralDecryptionKeys(t *testing.T) {
	text := seal(t, sign("RS256", goodHeader, goodPayload), jose.RSA_OAEP, jose.A256GCM, nil)
	for _, tc := range []struct {
		name string
		keys []*keyset.DecryptionKey
		want string
	}{
		{"the second one opens", decryption(t, otherPEM()+privatePEM()), ""},
		{"none opens", decryption(t, otherPEM()), "encryption"},
		{"no key at all", nil, "encryption"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantCheck(t, compile(t, partner(), tc.keys...), text, []*keyset.Set{goodSet(t)}, tc.want)
		})
	}
	t.Run("a key for one algorithm is used with no other", func(t *testing.T) {
		only := decryption(t, strings.Replace(jwkOf(t, "d1"), "{", `{"alg":"RSA-OAEP-256",`, 1))
		wantCheck(t, compile(t, partner(), only...), text, []*keyset.Set{goodSet(t)}, "encryption")
	})
}
