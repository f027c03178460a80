package record

import "github.com/apim-edge/apim-edge/internal/memo"

// Agents knows the User-Agents that one loop has seen lately, so that only a new one is
// searched. It is not locked. The zero value is ready.
type Agents struct{ known memo.Table[agent] }

type agent struct {
	family  Family
	version Version
}

// Look tells the family of a client, and its version.
func (a *Agents) Look(text []byte) (Family, Version) {
	client, known := a.known.At(text)
	if !known {
		client.family = FamilyOf(text)
		client.version = VersionOf(text, client.family)
	}
	return client.family, client.version
}
