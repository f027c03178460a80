package keyset

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// DecryptionKey opens tokens that are encrypted.
type DecryptionKey struct {
	// ID is the kid of the tokens that it opens. Empty: any, or none.
	ID string
	// Algorithms are the key management algorithms that it may be used with, and no
	// others: one key used with two of them can betray what was meant for the other.
	Algorithms []jose.KeyAlgorithm
	// Private is an *rsa.PrivateKey, an *ecdsa.PrivateKey or, of a shared key, its bytes.
	Private any
}

// The algorithms of a key that names none. RSA1_5 is not among them: its padding is an
// oracle (RFC 8725 section 3.2). Neither are those of passwords (PBES2).
var (
	rsaEncryption = []jose.KeyAlgorithm{jose.RSA_OAEP, jose.RSA_OAEP_256}
	ecEncryption  = []jose.KeyAlgorithm{jose.ECDH_ES, jose.ECDH_ES_A128KW, jose.ECDH_ES_A192KW, jose.ECDH_ES_A256KW}
	octEncryption = []jose.KeyAlgorithm{jose.DIRECT, jose.A128KW, jose.A192KW, jose.A256KW, jose.A128GCMKW, jose.A192GCMKW, jose.A256GCMKW}
)

// ParseDecryption reads a JWK set, one JWK, or PEM with private keys. All of them have
// to be right: they are the operator's own. An error repeats nothing of them.
func ParseDecryption(data []byte) (keys []*DecryptionKey, err error) {
	data = bytes.TrimSpace(data)
	if bytes.HasPrefix(data, []byte("-----BEGIN")) {
		keys, err = privatePEM(data)
	} else {
		keys, err = privateSet(data)
	}
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, errNoKey
	case len(keys) > maxTries: // each is tried with every token that names none
		return nil, fmt.Errorf("there are more than %d keys", maxTries)
	}
	return keys, nil
}

func privateSet(data []byte) (keys []*DecryptionKey, err error) {
	members, err := membersOf(data)
	if err != nil {
		return nil, err
	}
	for i, member := range members {
		var w webKey
		var k jose.JSONWebKey
		if json.Unmarshal(member, &w) != nil || k.UnmarshalJSON(member) != nil {
			return nil, fmt.Errorf("key %d: its parts make no key", i+1)
		}
		if w.Use != "" && w.Use != "enc" {
			return nil, fmt.Errorf("key %d: its use is not enc", i+1)
		}
		d, err := newDecryptionKey(w.ID, w.Algorithm, k.Key)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, d)
	}
	return keys, nil
}

func newDecryptionKey(id, algorithm string, private any) (*DecryptionKey, error) {
	k := &DecryptionKey{ID: id, Private: private}
	shared := false
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if err := usable(&p.PublicKey); err != nil {
			return nil, err
		}
		k.Algorithms = rsaEncryption
	case *ecdsa.PrivateKey:
		k.Algorithms = ecEncryption
	case []byte:
		k.Algorithms, shared = octEncryption, true
	default:
		return nil, errors.New("it is no private key of RSA or EC, and no shared one")
	}
	if algorithm == "" && !shared {
		return k, nil
	}
	for _, a := range k.Algorithms {
		if string(a) == algorithm {
			k.Algorithms = []jose.KeyAlgorithm{a}
			return k, nil
		}
	}
	return nil, fmt.Errorf("its alg is none of %v", k.Algorithms)
}

func privatePEM(data []byte) (keys []*DecryptionKey, err error) {
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, errors.New("there is text that is no PEM")
		}
		data = rest
		private, err := privateOf(block)
		if err != nil {
			return nil, err
		}
		k, err := newDecryptionKey("", "", private)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func privateOf(block *pem.Block) (k crypto.PrivateKey, err error) {
	switch block.Type {
	case "PRIVATE KEY":
		k, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		k, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		k, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errors.New("there is PEM that is no private key, or one with a password")
	}
	if err != nil {
		return nil, errors.New("there is a private key that cannot be read")
	}
	return k, nil
}
