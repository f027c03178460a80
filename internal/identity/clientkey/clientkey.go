// Package clientkey knows the keys that the edge itself issues, by their hashes alone.
//
// The hash is an HMAC-SHA256 (RFC 2104) of the whole key, keyed with its first saltBytes
// characters: the salt is a part of the key. A key has 264 random bits besides, so that
// nobody can find it from its hash, and no other secret has to be kept, moved between
// replicas and rotated beside the configuration.
//
//	key := clientkey.Generate()    // is shown once
//	line := clientkey.Hash(key)    // stands in the configuration
//	set, err := clientkey.New(map[string]clientkey.Options{"team-a": {Keys: []string{line}}})
//	client := set.Find([]byte(key))
package clientkey

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

const (
	// prefix tells people, and those who search for leaked secrets, what they look at.
	prefix = "aek_"
	// scheme is how a hash is written.
	scheme = "sha256:"
	// saltBytes is how much of a key keys its hash: the prefix, and 72 random bits.
	saltBytes = len(prefix) + 12
	// MaxKey is the longest key that is looked at: no credential is longer (DESIGN 3
	// has 256 characters for keys).
	MaxKey = 256
	// randomBytes are 72 bits of salt and 264 bits of secret, without padding.
	randomBytes = 42
)

// Generate returns a new key. Nobody else has it, and nobody can get it back.
func Generate() string {
	random := make([]byte, randomBytes)
	rand.Read(random) // it does not fail (crypto/rand)
	return prefix + base64.RawURLEncoding.EncodeToString(random)
}

// Hash returns what of a key stands in the configuration.
func Hash(key string) string {
	sum := Sum([]byte(key))
	return scheme + hex.EncodeToString(sum[:])
}

// Sum is HMAC-SHA256 with the first characters of the key as its key. crypto/hmac would
// allocate on an event loop. A key that is too long is none.
func Sum(key []byte) [sha256.Size]byte {
	const block = sha256.BlockSize
	var inner [block + MaxKey]byte
	var outer [block + sha256.Size]byte
	key = key[:min(len(key), MaxKey)]
	salt := key[:min(len(key), saltBytes)]
	copy(inner[:], salt)
	copy(outer[:], salt)
	for i := range block {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	n := copy(inner[block:], key)
	digest := sha256.Sum256(inner[:block+n])
	copy(outer[block:], digest[:])
	return sha256.Sum256(outer[:])
}

// Parse returns the Sum of a key from its Hash, of which HashFault says nothing.
func Parse(hash string) (sum [sha256.Size]byte) {
	hex.Decode(sum[:], []byte(strings.TrimPrefix(hash, scheme))) //nolint:errcheck // HashFault has
	return sum
}

// Client is one of those who have keys.
type Client struct {
	Name    string
	expires time.Time // zero: never
	routes  []string  // nil: every route that asks for clients
}

// Set is all clients. It does not change.
type Set struct {
	byHash map[[sha256.Size]byte]*entry
	nobody entry // is compared with where nothing is found
}

type entry struct {
	hash   [sha256.Size]byte
	client *Client
}

// New returns the clients that the options name.
func New(clients map[string]Options) (*Set, error) {
	if found := Faults(clients); len(found) > 0 {
		return nil, fmt.Errorf("clients.%w", found[0])
	}
	s := &Set{byHash: map[[sha256.Size]byte]*entry{}}
	for name, o := range clients {
		c := &Client{Name: name, routes: slices.Clone(o.Routes)}
		c.expires, _ = ends(o.Expires)
		for _, k := range o.Keys {
			e := &entry{hash: Parse(k), client: c}
			s.byHash[e.hash] = e
		}
	}
	return s, nil
}

// Find returns whose key it is, or nil. It costs the same for a key that is known and
// for one that is not, and tells by its time nothing of either: what is looked up is a
// hash that who sends a key cannot choose, and what is found is compared whole.
func (s *Set) Find(key []byte) *Client {
	hash := Sum(key)
	e, found := s.byHash[hash]
	if !found {
		e = &s.nobody
	}
	if subtle.ConstantTimeCompare(hash[:], e.hash[:]) != 1 || len(key) > MaxKey {
		return nil
	}
	return e.client
}

// Verdict is what becomes of a key on a route.
type Verdict struct {
	Client *Client // nil: unknown
	Code   edgeerr.Code
	Text   string
}

// Judge says whether a key may be used on a route.
func (s *Set) Judge(key []byte, route string, now time.Time) Verdict {
	c := s.Find(key)
	switch {
	case c == nil:
		return Verdict{Code: edgeerr.ClientUnknown, Text: edgeerr.ClientUnknown.Meaning() + "; " + edgeerr.ClientUnknown.Advice()}
	case !c.expires.IsZero() && !now.Before(c.expires):
		return Verdict{Client: c, Code: edgeerr.ClientExpired, Text: "the keys of the client " + c.Name + " have expired; ask the operator for a new key"}
	case len(c.routes) > 0 && !slices.Contains(c.routes, route):
		return Verdict{Client: c, Code: edgeerr.ClientNotAllowed, Text: "the client " + c.Name + " may not use this route"}
	}
	return Verdict{Client: c}
}
