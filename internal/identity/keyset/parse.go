package keyset

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxKeys is more than any issuer has: Microsoft asks for room for 1000.
const maxKeys = 1000

// Parse reads a JWK set, one JWK, or PEM with public keys and certificates. It returns
// the keys that can be used, and for each that cannot why; no usable key at all is an
// error.
func Parse(data []byte) (keys []*Key, skipped []string, err error) {
	data = bytes.TrimSpace(data)
	if bytes.HasPrefix(data, []byte("-----BEGIN")) {
		keys, err = parsePEM(data)
	} else {
		keys, skipped, err = parseSet(data)
	}
	if err == nil && len(keys) == 0 {
		err = errNoKey
		if len(skipped) > 0 {
			err = fmt.Errorf("%w: %s", errNoKey, skipped[0])
		}
	}
	return keys, skipped, err
}

var (
	errNoKey    = errors.New("there is no key that could be used")
	errNoSet    = errors.New("this is no set of keys: neither a JSON object with keys nor PEM")
	errManyKeys = fmt.Errorf("there are more than %d keys", maxKeys)
	errPrivate  = errors.New("there is a private key where public ones are wanted")
)

func parseSet(data []byte) (keys []*Key, skipped []string, err error) {
	members, err := membersOf(data)
	if err != nil {
		return nil, nil, err
	}
	if len(members) > maxKeys {
		return nil, nil, errManyKeys
	}
	for i, member := range members {
		k, err := parseKey(member)
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("key %d: %v", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	return keys, skipped, nil
}

// membersOf returns the keys of a set, unread, or the one that stands for itself.
func membersOf(data []byte) ([]json.RawMessage, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
		Type string            `json:"kty"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errNoSet
	}
	if set.Type != "" {
		return []json.RawMessage{data}, nil
	}
	return set.Keys, nil
}

// webKey is what of a JWK is looked at. Its certificates are not: a broken one takes
// nothing from the key.
type webKey struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	ID         string   `json:"kid"`
	Issuer     string   `json:"issuer"`
}

// public are the members that make a public key (RFC 7518 section 6, RFC 8037).
type public struct {
	Type     string `json:"kty"`
	Modulus  string `json:"n,omitempty"`
	Exponent string `json:"e,omitempty"`
	Curve    string `json:"crv,omitempty"`
	X        string `json:"x,omitempty"`
	Y        string `json:"y,omitempty"`
}

func parseKey(data []byte) (*Key, error) {
	var w webKey
	var material public
	if json.Unmarshal(data, &w) != nil || json.Unmarshal(data, &material) != nil {
		return nil, errors.New("it is no JSON Web Key")
	}
	switch {
	case w.Use != "" && w.Use != "sig":
		return nil, errors.New("its use is not sig")
	case w.Operations != nil && !slices.Contains(w.Operations, "verify"):
		return nil, errors.New("its key_ops have no verify")
	case w.Type != "RSA" && w.Type != "EC" && w.Type != "OKP":
		return nil, errors.New("its kty is none of RSA, EC and OKP") // oct above all: everybody could sign with it
	}
	only, err := json.Marshal(material)
	if err != nil {
		return nil, err
	}
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(only); err != nil {
		return nil, errors.New("its parts make no key") // the library's words repeat what it read
	}
	return newKey(w.ID, w.Algorithm, w.Issuer, k.Key)
}

func parsePEM(data []byte) (keys []*Key, err error) {
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, errors.New("there is text that is no PEM")
		}
		data = rest
		public, err := publicOf(block)
		if err != nil {
			return nil, err
		}
		k, err := newKey("", "", "", public)
		if err != nil {
			return nil, err
		}
		if keys = append(keys, k); len(keys) > maxKeys {
			return nil, errManyKeys
		}
	}
	return keys, nil
}

func publicOf(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		return nil, errPrivate
	}
	return nil, errors.New("there is PEM that is neither a public key nor a certificate")
}
