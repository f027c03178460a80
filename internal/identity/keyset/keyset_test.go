package keyset

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func jwk(key any, kid, alg, use string) string {
	return string(must(jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg, Use: use}.MarshalJSON()))
}

func certificate() string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotAfter: time.Unix(1, 0)}
	return block("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, rsaKey().Public(), rsaKey())))
}

func TestParse(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub := func(k crypto.PublicKey) string { return block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(k))) }
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	secret := jwk([]byte("0123456789abcdef0123456789abcdef"), "o", "HS256", "")
	good := jwk(rsaKey().Public(), "r", "", "sig")
	for _, tc := range []struct {
		name, data string
		keys       int
		skipped    int
		fails      string // part of the error
	}{
		{"one key in a set", `{"keys":[` + good + `]}`, 1, 0, ""},
		{"a key by itself", good, 1, 0, ""},
		{"blanks around", "\n " + good + "\n", 1, 0, ""},
		{"members that nobody knows", `{"x":1,"keys":[` + good + `]}`, 1, 0, ""},
		{"three kinds", `{"keys":[` + good + `,` + jwk(ecKey().Public(), "e", "ES256", "") + `,` + jwk(ed.Public(), "d", "EdDSA", "") + `]}`, 3, 0, ""},
		{"a secret beside", `{"keys":[` + secret + `,` + good + `]}`, 1, 1, ""},
		{"an algorithm that is none", `{"keys":[` + jwk(rsaKey().Public(), "r", "none", "") + `]}`, 0, 1, "no key that could be used"},
		{"an algorithm of another kind", `{"keys":[` + jwk(rsaKey().Public(), "r", "ES256", "") + `]}`, 0, 1, "no key that could be used"},
		{"an empty set", `{"keys":[]}`, 0, 0, "no key that could be used"},
		{"no member keys", `{}`, 0, 0, "no key that could be used"},
		{"KEYS", `{"KEYS":[` + good + `]}`, 0, 0, "no key that could be used"},
		{"keys twice", `{"keys":[],"keys":[` + good + `]}`, 0, 0, "no set of keys"},
		{"a list", `[` + good + `]`, 0, 0, "no set of keys"},
		{"HTML", "<!DOCTYPE html><title>Sign in</title>", 0, 0, "no set of keys"},
		{"nothing", "", 0, 0, "no set of keys"},
		{"cut", `{"keys":[` + good, 0, 0, "no set of keys"},
		{"too many keys", `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`, 0, 0, "more than 1000"},
		{"PKIX", pub(rsaKey().Public()), 1, 0, ""},
		{"several in PEM", pub(rsaKey().Public()) + pub(ecKey().Public()) + pub(ed.Public()), 3, 0, ""},
		{"PKCS#1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)), 1, 0, ""},
		{"a certificate, also one that has expired", certificate(), 1, 0, ""},
		{"a private key", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsaKey()))), 0, 0, "private key"},
		{"a private key behind a public one", pub(ecKey().Public()) + block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())), 0, 0, "private key"},
		{"a curve that no token has", pub(p224.Public()), 0, 0, "curve"},
		{"PEM of something else", block("X509 CRL", []byte{1}), 0, 0, "neither a public key nor"},
		{"PEM with nonsense in it", block("PUBLIC KEY", []byte{1, 2, 3}), 0, 0, "asn1"},
		{"PEM that is cut", pub(rsaKey().Public())[:100], 0, 0, "no PEM"},
		{"text behind PEM", pub(rsaKey().Public()) + "x", 0, 0, "no PEM"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys, skipped, err := Parse([]byte(tc.data))
			if len(keys) != tc.keys || len(skipped) != tc.skipped {
				t.Errorf("%d keys, skipped %v; want %d and %d", len(keys), skipped, tc.keys, tc.skipped)
			}
			if (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("error %v, want %q", err, tc.fails)
			}
		})
	}
}

func TestParseDecryption(t *testing.T) {
	rsaJWK := func(alg, use string) string { return jwk(rsaKey(), "d", alg, use) }
	for _, tc := range []struct {
		name, data string
		algorithms string // of the first key
		fails      string
	}{
		{"PKCS#8", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsaKey()))), "[RSA-OAEP RSA-OAEP-256]", ""},
		{"PKCS#1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())), "[RSA-OAEP RSA-OAEP-256]", ""},
		{"EC", block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey()))), "[ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW]", ""},
		{"a JWK", rsaJWK("", "enc"), "[RSA-OAEP RSA-OAEP-256]", ""},
		{"a JWK for one algorithm", rsaJWK("RSA-OAEP-256", ""), "[RSA-OAEP-256]", ""},
		{"a set", `{"keys":[` + rsaJWK("RSA-OAEP", "enc") + `]}`, "[RSA-OAEP]", ""},
		{"a shared key", jwk([]byte("0123456789abcdef"), "o", "A128KW", ""), "[A128KW]", ""},
		{"a shared key without its algorithm", jwk([]byte("0123456789abcdef"), "o", "", ""), "", "its alg is none of"},
		{"a password", jwk([]byte("0123456789abcdef"), "o", "PBES2-HS256+A128KW", ""), "", "its alg is none of"},
		{"RSA1_5", rsaJWK("RSA1_5", ""), "", "its alg is none of"},
		{"a key for signatures", rsaJWK("", "sig"), "", "its use is not enc"},
		{"a public key", jwk(rsaKey().Public(), "d", "", ""), "", "no private key"},
		{"a public key in PEM", block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(rsaKey().Public()))), "", "no private key"},
		{"one with a password", block("ENCRYPTED PRIVATE KEY", []byte{1}), "", "password"},
		{"Ed25519", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(must2(ed25519.GenerateKey(rand.Reader))))), "", "no private key of RSA or EC"},
		{"an empty set", `{"keys":[]}`, "", "no key"},
		{"nine keys", `{"keys":[` + strings.Repeat(rsaJWK("", "")+",", 8) + rsaJWK("", "") + `]}`, "", "more than 8"},
		{"nonsense in PEM", block("PRIVATE KEY", []byte("hunter2")), "", "cannot be read"},
		{"a broken JWK", `{"kty":"RSA","d":"hunter2"}`, "", "key 1"},
		{"no set", "hunter2", "", "no set of keys"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys, err := ParseDecryption([]byte(tc.data))
			if (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Fatalf("error %v, want %q", err, tc.fails)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats the key: %v", err)
			}
			if err == nil && fmt.Sprint(keys[0].Algorithms) != tc.algorithms {
				t.Errorf("algorithms %v, want %s", keys[0].Algorithms, tc.algorithms)
			}
		})
	}
}

func must2(_ ed25519.PublicKey, k ed25519.PrivateKey, err error) ed25519.PrivateKey {
	return must(k, err)
}

func TestFind(t *testing.T) {
	key := func(id, algorithm string, public crypto.PublicKey) *Key {
		return must(newKey(id, algorithm, "", public))
	}
	s := New("i", []*Key{
		key("a", "", rsaKey().Public()), key("a", "RS512", rsaKey().Public()), key("b", "", ecKey().Public()), key("", "", ecKey().Public()),
	})
	for _, tc := range []struct {
		kid, algorithm string
		want           int
		has            bool
	}{
		{"a", "RS256", 1, true}, {"a", "RS512", 2, true}, {"a", "ES256", 1, true}, {"b", "ES256", 2, true}, {"b", "ES384", 0, true},
		{"c", "ES256", 1, true}, {"", "ES256", 1, true}, {"", "RS256", 0, true}, {"a", "EdDSA", 0, true}, {"a", "HS256", 0, true},
	} {
		if got := len(s.Find(tc.kid, tc.algorithm)); got != tc.want || s.Has(tc.kid) != tc.has {
			t.Errorf("Find(%q, %q): %d keys, want %d", tc.kid, tc.algorithm, got, tc.want)
		}
	}
	if named := New("i", []*Key{key("a", "", rsaKey().Public())}); named.Has("") || named.Has("A") || named.Len() != 1 {
		t.Error("a key with an id is good for others")
	}
}

func TestASetThatSucceedsAnotherKeepsItsKeys(t *testing.T) {
	a, b := must(newKey("a", "", "", rsaKey().Public())), must(newKey("b", "", "", ecKey().Public()))
	first := New("i", []*Key{a, b, b}).Succeed(nil)
	if first.Len() != 2 {
		t.Errorf("%d keys, want 2: one stood there twice", first.Len())
	}
	again := must(newKey("a", "", "", rsaKey().Public()))
	second := New("i", []*Key{again}).Succeed(first)
	if second.Find("a", "RS256")[0] != a || a.Gone() || !b.Gone() || again.Gone() {
		t.Errorf("a gone: %v, b gone: %v", a.Gone(), b.Gone())
	}
	renamed := must(newKey("a2", "", "", rsaKey().Public()))
	third := New("i", []*Key{renamed}).Succeed(second)
	if !a.Gone() || third.Find("a2", "RS256")[0] != renamed {
		t.Error("the same key under another id is another key")
	}
	fourth := New("j", []*Key{must(newKey("a2", "", "", rsaKey().Public()))}).Succeed(third)
	if !renamed.Gone() || fourth.Find("a2", "RS256")[0].Gone() {
		t.Error("the keys of another issuer go on")
	}
	fourth.End()
	(*Set)(nil).End()
	if !fourth.Find("a2", "RS256")[0].Gone() {
		t.Error("a set that has ended has keys")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"keys":[` + jwk(rsaKey().Public(), "r", "RS256", "sig") + `,` + jwk(ecKey(), "e", "", "") + `]}`))
	f.Add([]byte(certificate()))
	f.Add([]byte(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsaKey())))))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},null,1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _, err := Parse(data)
		if (err == nil) != (len(keys) > 0) && err == nil {
			t.Fatal("no key and no error")
		}
		for _, k := range keys {
			switch public := k.Public.(type) {
			case *rsa.PublicKey:
				if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
					t.Fatalf("RSA of %d bits", bits)
				}
			case *ecdsa.PublicKey, ed25519.PublicKey:
			default:
				t.Fatalf("a key of type %T", public)
			}
		}
		_, _ = ParseDecryption(data)
	})
}
