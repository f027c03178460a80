package rewrite

import "strings"

// An upstream may be shown a credential of the edge itself, in a field. A policy of
// Replacing or Beside takes what must not go there along with it, whatever the rules of
// the route let pass.

// Replacing returns the policy that takes every credential of a caller: all that
// upstreams of this kind are known to look at, and the field itself.
func Replacing(field string) *Policy {
	p := Beside(field)
	for _, name := range []string{"Authorization", "api-key", "Ocp-Apim-Subscription-Key", "x-api-key"} {
		if !has(p.names, name) {
			p.addName(name)
		}
	}
	for _, name := range []string{"subscription-key", "api-key"} {
		p.params = append(p.params, place{name: name, lower: name, text: "the query parameter " + name})
		p.paramLengths |= 1 << len(name)
	}
	return p
}

// Beside returns the policy that takes the field alone, by every name that some upstreams
// read as its own. A key among the subprotocols of a WebSocket is taken by both.
func Beside(field string) *Policy {
	p := &Policy{}
	p.addName(field)
	p.subprotocol = 1
	p.addName("Sec-WebSocket-Protocol")
	return p
}

// Dropped returns what is left of a decision where the caller's credentials do not go on:
// that the subprotocols are sent without the key that stood there.
func (d Decision) Dropped() Decision {
	return Decision{Reason: d.Reason, Notes: d.Notes, Problem: d.Problem}
}

// Yields returns what is left of a decision of p where a field is the edge's own.
func (p *Policy) Yields(d Decision, field string) Decision {
	same := func(at int) bool { return Compare([]byte(field), p.names[at].lower) != Different }
	if d.Key != nil && same(p.target) {
		d.Key = nil
	}
	if d.KeepSlot && same(int(d.slot)) {
		d.KeepSlot = false
	}
	if strings.EqualFold(field, "Authorization") {
		d.Token, d.KeepAuthorization = nil, false
	}
	return d
}
