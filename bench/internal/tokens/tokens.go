// Package tokens issues what a client shows to a proxy that validates tokens: JWTs of an
// issuer that nobody can ask. Its public keys are in files, in every form that one of the
// peers wants.
package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// What the tokens say, and what the peers ask for.
const (
	issuer   = "https://id.bench.test/"
	audience = "api://bench"
)

// Issuer signs tokens by RS256 and ES256.
type Issuer struct {
	Files Files
	rsa   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey

	mu   sync.Mutex
	made map[string][]string // by algorithm: tokens that all peers can be shown
}

// Files are the issuer's public keys, both in a JWK set and each in PEM, and what its
// tokens say.
type Files struct{ JWKS, RSA, EC, Issuer, Audience string }

// The algorithms.
const (
	RS256 = "RS256"
	ES256 = "ES256"
)

// New makes an issuer, with its files in a folder.
func New(folder string) (*Issuer, error) {
	i := &Issuer{
		Files: Files{filepath.Join(folder, "keys.json"), filepath.Join(folder, "rsa.pem"), filepath.Join(folder, "ec.pem"), issuer, audience},
		made:  map[string][]string{},
	}
	var err error
	if i.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	if i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	return i, i.write()
}

func (i *Issuer) write() error {
	point, err := i.ec.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return err
	}
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "RSA", "kid": RS256, "use": "sig", "alg": RS256, "n": encode(i.rsa.N.Bytes()), "e": encode(big.NewInt(int64(i.rsa.E)).Bytes())},
		{"kty": "EC", "kid": ES256, "use": "sig", "alg": ES256, "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])},
	}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(i.Files.JWKS, set, 0o644); err != nil {
		return err
	}
	for file, key := range map[string]any{i.Files.RSA: i.rsa.Public(), i.Files.EC: i.ec.Public()} {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Many returns so many tokens, all different, and the same ones to everybody who asks:
// signing costs more than anything that is measured.
func (i *Issuer) Many(alg string, n int) ([]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.made[alg]) < n {
		token, err := i.Token(alg, Claims{"uti": fmt.Sprint(alg, len(i.made[alg]))})
		if err != nil {
			return nil, err
		}
		i.made[alg] = append(i.made[alg], token)
	}
	return i.made[alg][:n], nil
}

// Claims are what a token says besides.
type Claims map[string]any

// Token returns a token that says what those of Entra say. It is good for longer than any
// run.
func (i *Issuer) Token(alg string, more Claims) (string, error) {
	now := time.Now().Unix()
	claims := Claims{
		"aud": audience, "iss": issuer, "iat": now - 60, "nbf": now - 60, "exp": now + 7*24*3600,
		"aio": strings.Repeat("AVQAq/8bAAAA", 10), "azp": "5f1c0b1e-2b3c-4d5e-8f90-a1b2c3d4e5f6", "azpacr": "1",
		"oid": "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9", "sub": "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9",
		"tid": "11111111-2222-3333-4444-555555555555", "rh": "0." + strings.Repeat("AbcdEFgh", 8), "ver": "2.0",
		"roles": []string{"Model.Use", "Model.Read", "Deployment.Read"},
	}
	for name, value := range more {
		claims[name] = value
	}
	header, err := json.Marshal(map[string]string{"typ": "JWT", "alg": alg, "kid": alg})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := encode(header) + "." + encode(payload)
	signature, err := i.sign(alg, input)
	return input + "." + encode(signature), err
}

func (i *Issuer) sign(alg, input string) ([]byte, error) {
	sum := sha256.Sum256([]byte(input))
	if alg == RS256 {
		return rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, sum[:])
	}
	r, s, err := ecdsa.Sign(rand.Reader, i.ec, sum[:])
	if err != nil {
		return nil, err
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
