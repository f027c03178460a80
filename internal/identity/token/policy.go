package token

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// Policy is compiled options. It does not change.
type Policy struct {
	// Name is what the operator calls it.
	Name string
	// Options are complete.
	Options Options

	id         [sha256.Size]byte
	algorithms []jose.SignatureAlgorithm
	decryption []*keyset.DecryptionKey
	opening    []jose.KeyAlgorithm // of all decryption keys
	cloud      cloud
	claims     []string // the names of the required ones, sorted
}

// New compiles a policy. decryption are the keys that o.DecryptionKeys refer to.
func New(name string, o Options, decryption ...*keyset.DecryptionKey) (*Policy, error) {
	if err := o.Faults().Err(); err != nil {
		return nil, err
	}
	p := &Policy{Name: name, Options: o.Complete(), decryption: decryption}
	p.cloud = clouds[p.Options.Cloud]
	for _, a := range p.Options.Algorithms {
		p.algorithms = append(p.algorithms, jose.SignatureAlgorithm(a))
	}
	for _, k := range decryption {
		p.opening = append(p.opening, k.Algorithms...)
	}
	p.claims = slices.Sorted(maps.Keys(p.Options.RequiredClaims))
	written, err := json.Marshal(p.Options) // maps are sorted in it
	if err != nil {
		return nil, err
	}
	p.id = sha256.Sum256(written)
	return p, nil
}

// ID is the same for policies that say the same, and for those alone.
func (p *Policy) ID() [sha256.Size]byte { return p.id }

// A Place is where keys of a policy come from.
type Place struct {
	// Kind tells what is found there.
	Kind Kind
	// Ref is a URL, or the reference of a secret.
	Ref string
}

// Kind tells what is found at a Place.
type Kind uint8

// The kinds: metadata of an issuer (OpenID Connect Discovery 1.0), whose jwks_uri has the
// keys, or the keys themselves.
const (
	Metadata Kind = iota
	Keys
)

// Places returns where the keys come from, in the order in which Verify wants the sets.
//
// For every tenant there is one: the key document of version 2 has an issuer beside
// each key, that of version 1 need not have, and they hold the same keys.
func (p *Policy) Places() (places []Place) {
	o := p.Options
	switch o.TenantID {
	case "":
		for _, u := range o.OpenIDConfigs {
			places = append(places, Place{Metadata, u})
		}
		for _, k := range o.SigningKeys {
			places = append(places, Place{Keys, k})
		}
		return places
	case organizations:
		return []Place{{Metadata, p.cloud.metadata2(organizations)}}
	}
	return []Place{{Metadata, p.cloud.metadata1(o.TenantID)}, {Metadata, p.cloud.metadata2(o.TenantID)}}
}

// wanted lists values for a text: what would pass.
func wanted(values []string) string {
	const few = 4
	if len(values) > few {
		return strings.Join(values[:few], ", ") + " and others"
	}
	return strings.Join(values, ", ")
}
