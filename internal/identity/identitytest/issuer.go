// Package identitytest plays an issuer of tokens in tests: on loopback, with keys that
// can be rotated and withdrawn, and with whatever trouble a test wants. It shares no code
// with what it is to judge.
package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Issuer issues tokens and publishes its keys.
type Issuer struct {
	// URL is its name, iss.
	URL string
	// Metadata is where it can be asked.
	Metadata string

	mu      sync.Mutex
	keys    []key // the first one signs
	made    int
	handler http.HandlerFunc // nil: it behaves
	asked   int
}

type key struct {
	id      string
	private crypto.Signer
}

// Start starts an issuer with one RSA key. It ends with the test.
func Start(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{}
	s := httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(s.Close)
	i.URL, i.Metadata = s.URL, s.URL+"/.well-known/openid-configuration"
	i.Rotate()
	return i
}

// Offline returns an issuer that has a name, and that nobody can ask.
func Offline(name string) *Issuer {
	i := &Issuer{URL: name}
	i.Rotate()
	return i
}

// Keys returns the key document.
func (i *Issuer) Keys() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	text, err := json.Marshal(i.document())
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Misbehave has every question answered by h; nil: as it should be.
func (i *Issuer) Misbehave(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handler = h
}

// Asked returns how often it was asked for its keys.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// Rotate makes a new RSA key, which signs from now on. The old ones stay published.
func (i *Issuer) Rotate() {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	i.add(k)
}

// RotateEC is Rotate with a key on P-256.
func (i *Issuer) RotateEC() {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	i.add(k)
}

func (i *Issuer) add(k crypto.Signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	i.keys = append([]key{{fmt.Sprint("key-", i.made), k}}, i.keys...)
}

// Withdraw publishes only the key that signs.
func (i *Issuer) Withdraw() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[:1]
}

// Claims are what a token says.
type Claims map[string]any

// Token returns a token with iss, aud, exp and sub, and with claims instead or besides;
// nil leaves one out.
func (i *Issuer) Token(audience string, more Claims) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	claims := Claims{"iss": i.URL, "aud": audience, "exp": time.Now().Add(time.Hour).Unix(), "sub": "somebody"}
	for name, value := range more {
		if value == nil {
			delete(claims, name)
			continue
		}
		claims[name] = value
	}
	return i.keys[0].sign(claims)
}

// Unknown returns a token whose key nobody has published.
func (i *Issuer) Unknown(audience, kid string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return key{kid, i.keys[0].private}.sign(Claims{"iss": i.URL, "aud": audience, "exp": time.Now().Add(time.Hour).Unix()})
}

// Sign signs a header and a payload as they are, by the RSA key that signs.
func (i *Issuer) Sign(header, payload string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0].over(text([]byte(header)) + "." + text([]byte(payload)))
}

// Public returns the public half of the key that signs.
func (i *Issuer) Public() crypto.PublicKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0].private.Public()
}

func (k key) sign(claims Claims) string {
	alg := "RS256"
	if _, ec := k.private.(*ecdsa.PrivateKey); ec {
		alg = "ES256"
	}
	return k.over(encode(map[string]string{"alg": alg, "kid": k.id, "typ": "JWT"}) + "." + encode(claims))
}

func (k key) over(input string) string {
	sum := sha256.Sum256([]byte(input))
	var signature []byte
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		s, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		signature = s
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		if err != nil {
			panic(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	handler := i.handler
	var answer any = map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"}
	if r.URL.Path == "/keys" {
		i.asked++
		answer = i.document()
	}
	i.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// document is the key document.
func (i *Issuer) document() any {
	var keys []map[string]string
	for _, k := range i.keys {
		jwk := map[string]string{"kid": k.id, "use": "sig"}
		switch public := k.private.Public().(type) {
		case *rsa.PublicKey:
			jwk["kty"], jwk["n"], jwk["e"] = "RSA", text(public.N.Bytes()), text(big.NewInt(int64(public.E)).Bytes())
		case *ecdsa.PublicKey:
			point, err := public.Bytes() // 4, x, y
			if err != nil {
				panic(err)
			}
			jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", text(point[1:33]), text(point[33:])
		}
		keys = append(keys, jwk)
	}
	return map[string]any{"keys": keys}
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
