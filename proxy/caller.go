package proxy

import (
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// CountCallers has records say who calls and what for. It is called before the first
// client is accepted; without it nobody looks.
func (e *Edge) CountCallers(h *who.Hasher) {
	for _, s := range e.stores {
		s.callers = who.NewCache(h)
	}
}

// meet notes who calls, by the credential that goes upstream: by the application of a
// token, or else by a hash of the key. It stands behind the credential rules, since what
// they have decided dies with the head.
func (x *Exchange) meet() {
	callers := x.client.store.callers
	d := &x.req.decision
	if token := d.BearerToken(); token != nil {
		x.who = callers.Token(token)
	} else if d.Key != nil {
		x.who = callers.Key(d.Key)
	}
	if x.route.Credential.Moves(d, x.req.Fields) {
		x.needs |= record.NeedsRules
	}
}

// needed returns what the edge was needed for, where callers are counted.
func (x *Exchange) needed() record.Needs {
	needs := x.needs
	if x.client.store.callers == nil || x.route == nil {
		return needs
	}
	if x.who.Kind == who.Client {
		needs |= record.NeedsKey
	}
	if up := x.askedLast(); up != nil && up.Credential != nil {
		needs |= record.NeedsCredential
	}
	if x.route.Bridge != nil && (x.several == nil || !x.several.straight) {
		needs |= record.NeedsBridge
	}
	if x.route.CORS != nil && x.kept.origin != (text{}) {
		needs |= record.NeedsCORS
	}
	return needs
}
