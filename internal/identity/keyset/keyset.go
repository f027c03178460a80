// Package keyset reads keys that others publish: JSON Web Keys (RFC 7517) and PEM.
// Each key of a set is read alone and skipped where it is of no use, so that an issuer
// that adds a key of a new kind stops nobody. A Set belongs to one source, and a key
// is found by its id in that set only: the same id at another issuer is another key.
//
//	keys, skipped, err := keyset.Parse(document)
//	set := keyset.New("https://id.example.com", keys)
//	for _, k := range set.Find(kid, "RS256") { ... }
package keyset

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// Key verifies signatures. It does not change, save that it goes.
type Key struct {
	// ID is the kid of the tokens that it signs. Empty: any, or none.
	ID string
	// Algorithm is the only one that it is meant for. Empty: any that fits its type.
	Algorithm string
	// Issuer is what Entra's key documents say beside a key: whose tokens it signs,
	// with {tenantid} where that is every tenant's. Empty: the set's.
	Issuer string
	// Public is an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey.
	Public crypto.PublicKey

	print [sha256.Size]byte // of everything above
	gone  atomic.Bool
}

// Gone reports whether the issuer has withdrawn the key: what it has verified is not
// valid any more.
func (k *Key) Gone() bool { return k.gone.Load() }

// newKey returns a key, or why it cannot be used.
func newKey(id, algorithm, issuer string, public crypto.PublicKey) (*Key, error) {
	if err := usable(public); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	k := &Key{ID: id, Algorithm: algorithm, Issuer: issuer, Public: public}
	if algorithm != "" && !k.fits(algorithm) {
		return nil, fmt.Errorf("its alg is not one that its kty can have")
	}
	k.print = sha256.Sum256(fmt.Appendf(nil, "%q %q %q %x", id, algorithm, issuer, der))
	return k, nil
}

// The bounds of an RSA key. Below, it is too weak (NIST SP 800-131A); above, one
// signature costs milliseconds.
const minRSABits, maxRSABits = 2048, 8192

func usable(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		switch bits := k.N.BitLen(); {
		case bits < minRSABits:
			return fmt.Errorf("RSA of %d bits is too weak; at least %d are wanted", bits, minRSABits)
		case bits > maxRSABits:
			return fmt.Errorf("RSA of %d bits is larger than %d", bits, maxRSABits)
		case k.E < 3 || k.E%2 == 0: // with 1 every message would be its own signature
			return errors.New("the exponent of the RSA key is not odd, or less than 3")
		}
		return nil
	case *ecdsa.PublicKey:
		if algorithmOf(k.Curve) != "" {
			return nil
		}
		return errors.New("its curve is none of P-256, P-384 and P-521")
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("it is of a kind that signs no token")
}

func algorithmOf(c elliptic.Curve) string {
	switch c {
	case elliptic.P256():
		return "ES256"
	case elliptic.P384():
		return "ES384"
	case elliptic.P521():
		return "ES512"
	}
	return ""
}

// rsaAlgorithms are those of an RSA key (RFC 7518 section 3.1).
var rsaAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

// fits reports whether a key of this type can verify signatures of the algorithm.
func (k *Key) fits(algorithm string) bool {
	switch public := k.Public.(type) {
	case *rsa.PublicKey:
		return slices.Contains(rsaAlgorithms, algorithm)
	case *ecdsa.PublicKey:
		return algorithmOf(public.Curve) == algorithm
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// Set is the keys of one source. It does not change.
type Set struct {
	// Issuer is what the source's metadata says; empty: it has none.
	Issuer string
	keys   []*Key
}

// New returns a set. Of keys that are alike the first stays.
func New(issuer string, keys []*Key) *Set {
	s := &Set{Issuer: issuer}
	for _, k := range keys {
		if !slices.ContainsFunc(s.keys, func(other *Key) bool { return other.print == k.print }) {
			s.keys = append(s.keys, k)
		}
	}
	return s
}

// Len returns how many keys there are.
func (s *Set) Len() int { return len(s.keys) }

// maxTries bounds how many keys of one id are tried: each costs a signature.
const maxTries = 8

// Has reports whether a token with this kid (empty: none) may be of a key of the set.
func (s *Set) Has(kid string) bool {
	if s == nil {
		return false
	}
	return slices.ContainsFunc(s.keys, func(k *Key) bool { return k.ID == kid || k.ID == "" })
}

// Find returns the keys that may have signed a token with this kid (empty: none) by
// this algorithm. Several keys may have one id, of which a later one is the right one.
func (s *Set) Find(kid, algorithm string) (found []*Key) {
	for _, k := range s.keys {
		if (k.ID == kid || k.ID == "") && (k.Algorithm == "" || k.Algorithm == algorithm) && k.fits(algorithm) && len(found) < maxTries {
			found = append(found, k)
		}
	}
	return found
}

// Succeed returns s with the keys of old where they are the same, so that what they have
// verified stays valid, and ends those that s has no more. old may be nil.
func (s *Set) Succeed(old *Set) *Set {
	next := &Set{Issuer: s.Issuer, keys: slices.Clone(s.keys)}
	if old == nil {
		return next
	}
	for _, k := range old.keys {
		at := slices.IndexFunc(next.keys, func(other *Key) bool { return other.print == k.print })
		if at >= 0 && s.Issuer == old.Issuer {
			next.keys[at] = k
		} else {
			k.gone.Store(true)
		}
	}
	return next
}

// End ends every key: the source is asked no more.
func (s *Set) End() {
	if s == nil {
		return
	}
	for _, k := range s.keys {
		k.gone.Store(true)
	}
}

// Same reports whether both sets have the same keys: those of s have succeeded others.
func (s *Set) Same(old *Set) bool {
	return s.Len() == old.Len() && !slices.ContainsFunc(old.keys, (*Key).Gone)
}
