package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// What the forgers have: keys that are made once, and signatures made by hand, since a
// library would refuse to make most of what must be refused.

var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return mustKey(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return mustKey(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return mustKey(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	ec384    = sync.OnceValue(func() *ecdsa.PrivateKey { return mustKey(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
)

func mustKey[K any](k K, err error) K {
	if err != nil {
		panic(err)
	}
	return k
}

// now is when all tokens here are looked at.
var now = time.Unix(1_800_000_000, 0)

const (
	trusted = "https://id.example.com"
	api     = "https://models.example.com"

	goodHeader  = `{"alg":"RS256","kid":"r1","typ":"JWT"}`
	goodPayload = `{"iss":"https://id.example.com","aud":"https://models.example.com","exp":1800000600,"nbf":1799999000,"sub":"s"}`
)

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func text(s string) string { return b64([]byte(s)) }

// sign makes a token of what is written. The algorithm is one of RS256, RS384, RS512,
// PS256, ES256 and ES384, whatever the header says.
func sign(algorithm, header, payload string) string {
	input := text(header) + "." + text(payload)
	return input + "." + b64(signature(algorithm, input))
}

func signature(algorithm, input string) []byte {
	sum256, sum384, sum512 := sha256.Sum256([]byte(input)), sha512.Sum384([]byte(input)), sha512.Sum512([]byte(input))
	switch algorithm {
	case "RS256":
		return mustKey(rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA256, sum256[:]))
	case "RS384":
		return mustKey(rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA384, sum384[:]))
	case "RS512":
		return mustKey(rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA512, sum512[:]))
	case "PS256":
		return mustKey(rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, sum256[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
	case "other":
		return mustKey(rsa.SignPKCS1v15(rand.Reader, otherRSA(), crypto.SHA256, sum256[:]))
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, ecKey(), sum256[:])
		return pair(mustKey(r, err), s, 32)
	case "ES384":
		r, s, err := ecdsa.Sign(rand.Reader, ec384(), sum384[:])
		return pair(mustKey(r, err), s, 48)
	}
	panic("no such algorithm: " + algorithm)
}

func pair(r, s *big.Int, size int) []byte {
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

func hs256(key []byte, header, payload string) string {
	input := text(header) + "." + text(payload)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + b64(mac.Sum(nil))
}

// changed returns the good payload with members replaced; "" takes one out.
func changed(members map[string]string) string {
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(goodPayload), &o); err != nil {
		panic(err)
	}
	for name, value := range members {
		if value == "" {
			delete(o, name)
			continue
		}
		o[name] = json.RawMessage(value)
	}
	var parts []string // by hand: a value may be no JSON of encoding/json's
	for _, name := range sortedKeys(o) {
		parts = append(parts, fmt.Sprintf("%q:%s", name, o[name]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range maps.Keys(m) {
		names = append(names, name)
	}
	for i := range names {
		for j := i; j > 0 && names[j] < names[j-1]; j-- {
			names[j], names[j-1] = names[j-1], names[j]
		}
	}
	return names
}

// jwk writes a public key as issuers do; more is put behind its members.
func jwk(public any, kid, more string) string {
	head := ""
	if kid != "" {
		head = fmt.Sprintf(`"kid":%q,`, kid)
	}
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{%s"kty":"RSA","n":%q,"e":%q%s}`, head, b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()), more)
	case *ecdsa.PublicKey:
		point := mustKey(k.Bytes())[1:] // behind the 4 that says that it is not compressed
		x, y := point[:len(point)/2], point[len(point)/2:]
		return fmt.Sprintf(`{%s"kty":"EC","crv":%q,"x":%q,"y":%q%s}`, head, k.Params().Name, b64(x), b64(y), more)
	}
	panic("no such key")
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// set reads a key document as the source of an issuer does.
func set(t testing.TB, issuer, document string) *keyset.Set {
	t.Helper()
	keys, _, err := keyset.Parse([]byte(document))
	if err != nil {
		t.Fatalf("keyset.Parse(%s): %v", document, err)
	}
	return keyset.New(issuer, keys)
}

func goodSet(t testing.TB) *keyset.Set {
	return set(t, trusted, jwks(jwk(&rsaKey().PublicKey, "r1", `,"use":"sig"`), jwk(&ecKey().PublicKey, "e1", `,"use":"sig"`)))
}

func partner() Options {
	return Options{
		OpenIDConfigs: []string{trusted + "/.well-known/openid-configuration"}, Audiences: []string{api},
		Algorithms: []string{"RS256", "ES256"},
	}
}

func compile(t testing.TB, o Options, decryption ...*keyset.DecryptionKey) *Policy {
	t.Helper()
	p, err := New("partner", o, decryption...)
	testkit.Must(t, err)
	return p
}

func publicPEM(k any) []byte {
	der := mustKey(x509.MarshalPKIXPublicKey(k))
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
