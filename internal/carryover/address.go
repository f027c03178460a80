package carryover

import (
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/config"
)

// addresses are those of which a route may be called, and those of which it may not.
type addresses struct {
	allow, deny []network
	filters     []*apimpolicy.Element // of which they are made
}

// network is one of them, with where it comes from.
type network struct {
	netip.Prefix
	from string
}

// ipFilter carries over who may call from where. Each filter on the way has to let a caller
// pass: of two that allow it is what is in both.
func ipFilter(p *policy) {
	action := strings.ToLower(p.attrText("action"))
	var all []network
	for _, e := range p.el.Children {
		all = append(all, p.networks(e)...)
	}
	known := &p.addresses
	p.note("apim-edge sees the address of a balancer in front of it, unless trusted_proxies has that")
	switch {
	case p.failed(Access):
		return
	case len(all) == 0:
		p.refused(Access, "no address stands in it, of which API Management asks for one at least")
		return
	case action == "forbid":
		known.deny = append(known.deny, all...)
		p.carried(p.routeKey("require.addresses.deny"))
	case action != "allow":
		p.refused(Access, "action is neither allow nor forbid")
		return
	default:
		if len(known.allow) > 0 {
			if all = common(known.allow, all); len(all) == 0 {
				p.refused(Access, "no address is in this filter and in that of "+known.allow[0].from+" as well, so that nobody may call")
				return
			}
			p.note("what is in this filter and in the one before it")
		}
		known.allow = all
		p.carried(p.routeKey("require.addresses.allow"))
	}
	known.filters = append(known.filters, p.el)
}

// networks returns those of an address or of a range of addresses. Why there are none is in
// p.why.
func (p *policy) networks(e *apimpolicy.Element) []network {
	first, last := "", ""
	switch e.Name {
	case "address":
		first = p.resolved("address", p.textIn(e))
		last = first
	case "address-range":
		p.useWith(e, "from", "to")
		for _, bound := range []struct {
			name string
			text *string
		}{{"from", &first}, {"to", &last}} {
			a := e.Attr(bound.name)
			if a == nil {
				p.why = append(p.why, "an address-range has no "+bound.name)
				return nil
			}
			*bound.text = p.resolved(bound.name, a.Value)
		}
	default:
		return nil
	}
	if len(p.why) > 0 {
		return nil
	}
	from, wrong := netip.ParseAddr(first)
	to, err := netip.ParseAddr(last)
	from, to = from.Unmap(), to.Unmap()
	if wrong != nil || err != nil || from.Zone()+to.Zone() != "" || from.BitLen() != to.BitLen() || to.Less(from) {
		p.why = append(p.why, e.Name+": no single address, or no range from one to a later one of its kind")
		return nil
	}
	origin := place(spot{doc: p.doc, el: e}) + " " + e.Name
	if from != to {
		origin += " " + from.String() + " to " + to.String()
	}
	var all []network
	for _, prefix := range covering(from, to) {
		all = append(all, network{prefix, origin})
	}
	return all
}

// resolved returns a text, or notes why there is none.
func (p *policy) resolved(what string, v apimpolicy.Value) string {
	text, why := p.route.text(v)
	if why != "" {
		p.why = append(p.why, what+": "+why)
	}
	return text
}

// covering returns the networks that have the addresses from the first to the last, and no
// other: each the largest that begins where the one before it ends.
func covering(from, to netip.Addr) (all []netip.Prefix) {
	for {
		bits := from.BitLen()
		for bits > 0 {
			larger := netip.PrefixFrom(from, bits-1)
			if larger.Masked().Addr() != from || to.Less(config.LastAddress(larger)) {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(from, bits)
		all = append(all, p)
		end := config.LastAddress(p)
		if end == to {
			return all
		}
		from = end.Next()
	}
}

// common returns the networks that are in both lists: of two that overlap the smaller one.
func common(one, other []network) (all []network) {
	for _, a := range one {
		for _, b := range other {
			if !a.Overlaps(b.Prefix) {
				continue
			}
			smaller := a
			if b.Bits() > a.Bits() {
				smaller = b
			}
			smaller.from = a.from + ", " + b.from
			if !slices.ContainsFunc(all, func(n network) bool { return n.Prefix == smaller.Prefix }) {
				all = append(all, smaller)
			}
		}
	}
	return all
}

// asStrictAs reports whether who has passed these has passed the others as well.
func (a *addresses) asStrictAs(other *addresses) bool { return haveAll(a.filters, other.filters) }

func (a *addresses) write() section {
	s := newSection()
	s.networks("allow", a.allow)
	s.networks("deny", a.deny)
	return s
}

// networks adds a list with a line for each network.
func (s section) networks(key string, all []network) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, n := range all {
		text := n.String()
		if n.IsSingleIP() {
			text = n.Addr().String()
		}
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, LineComment: comment(n.from)})
	}
	if len(all) > 0 {
		s.add(key, list, "")
	}
}
