package record

import "hash/maphash"

// Agents knows the User-Agents that one loop has seen lately, so that only a new one is
// searched. It is not locked. The zero value is ready.
type Agents struct {
	seed  maphash.Seed
	known []agent // nil: none was seen yet
}

type agent struct {
	digest  uint64 // of the text, by a seed that nobody knows; 0: empty
	family  Family
	version Version
}

// Look tells the family of a client, and its version. Two texts of one digest are taken
// for one: that happens once in 2^64, and nobody can choose them.
func (a *Agents) Look(text []byte) (Family, Version) {
	if a.known == nil {
		a.seed, a.known = maphash.MakeSeed(), make([]agent, 64)
	}
	digest := maphash.Bytes(a.seed, text) | 1
	known := &a.known[(digest>>1)%uint64(len(a.known))]
	if known.digest != digest {
		family := FamilyOf(text)
		*known = agent{digest: digest, family: family, version: VersionOf(text, family)}
	}
	return known.family, known.version
}
