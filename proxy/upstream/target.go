package upstream

import "github.com/apim-edge/apim-edge/rewrite"

// A Target is an upstream as an attempt goes to it: what a request has to say there
// belongs to the upstream and not to the route.
type Target struct {
	*Upstream
	// Host is what the upstream is called; nil: as the client calls the edge.
	Host []byte
	// Prefix is put in front of every path. It has no slash at its end.
	Prefix string
	// Credential is what the edge itself shows to the upstream; nil: nothing. Replaces
	// takes what must not go there beside it.
	Credential *Credential
	Replaces   *rewrite.Policy
}

// Shows gives the target a credential.
func (t *Target) Shows(c *Credential) {
	t.Credential = c
	if t.Replaces = rewrite.Replacing(c.Field); c.KeepCaller {
		t.Replaces = rewrite.Beside(c.Field)
	}
	t.Health.oneSlot.Store(!c.KeepCaller) // it sees one caller, whoever calls
}

// Decision returns what the target is sent of the caller's credentials. d is what the rules
// of the route have decided.
func (t *Target) Decision(p *rewrite.Policy, d *rewrite.Decision) rewrite.Decision {
	switch {
	case t.Credential == nil:
		return *d
	case t.Credential.KeepCaller:
		return p.Yields(*d, t.Credential.Field)
	}
	return d.Dropped()
}
