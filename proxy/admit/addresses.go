package admit

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Addresses is the gate of from where a route may be called. It does not change.
type Addresses struct {
	gate        string
	allow, deny networks
	told        string
}

// NewAddresses returns the gate that lets in who is in a network of allow, or everybody
// where there is none, and of those nobody who is in a network of deny. IPv4 in the form
// of IPv6 is neither: addresses of clients never are.
func NewAddresses(gate string, allow, deny []netip.Prefix) *Addresses {
	return &Addresses{gate, newNetworks(allow), newNetworks(deny), told(allow, deny)}
}

// Check says whether a client with this address may call.
func (a *Addresses) Check(from netip.Addr) Verdict {
	from = from.WithZone("") // a network has no zone, and would not have the address
	v := Verdict{Gate: a.gate}
	if len(a.allow) > 0 && !a.allow.has(from) || a.deny.has(from) {
		v.Code, v.Cause = edgeerr.AddressNotAllowed, comesFrom(from)
	}
	return v
}

// Explain returns the verdict on somebody whose address is not known: the rule.
func (a *Addresses) Explain() Verdict { return Verdict{Gate: a.gate, Note: a.told} }

// comesFrom is what the log says of a refusal.
type comesFrom netip.Addr

// Error implements error.
func (c comesFrom) Error() string { return "the request comes from " + netip.Addr(c).String() }

// shown is how many networks are named in words.
const shown = 4

func told(allow, deny []netip.Prefix) string {
	var parts []string
	if len(allow) > 0 {
		parts = append(parts, "from "+names(allow)+" only")
	}
	if len(deny) > 0 {
		parts = append(parts, "from nowhere in "+names(deny))
	}
	return "the route may be called " + strings.Join(parts, ", and ")
}

func names(all []netip.Prefix) string {
	var texts []string
	for _, p := range all[:min(shown, len(all))] {
		if p.IsSingleIP() {
			texts = append(texts, p.Addr().String())
		} else {
			texts = append(texts, p.String())
		}
	}
	if len(all) > shown {
		texts = append(texts, "...")
	}
	return strings.Join(texts, ", ")
}

// networks are some of which no two have an address in common, in their order: one that
// has an address is the last that does not begin behind it.
type networks []netip.Prefix

func newNetworks(of []netip.Prefix) (all networks) {
	sorted := slices.Clone(of)
	for i, p := range sorted {
		sorted[i] = p.Masked()
	}
	slices.SortFunc(sorted, netip.Prefix.Compare)
	for _, p := range sorted {
		if n := len(all); n == 0 || !all[n-1].Contains(p.Addr()) {
			all = append(all, p)
		}
	}
	return all
}

func (all networks) has(a netip.Addr) bool {
	at, _ := slices.BinarySearchFunc(all, a, func(p netip.Prefix, a netip.Addr) int {
		if p.Addr().Compare(a) > 0 {
			return 1
		}
		return -1
	})
	return at > 0 && all[at-1].Contains(a)
}
