package export

import (
	"net/netip"
	"slices"

	"github.com/apim-edge/apim-edge/internal/config"
)

// From where the route may be called, in each target. It is asked in front of all that
// looks at a credential, and behind preflights.

// addressed reports whether it is not from everywhere.
func (v *view) addressed() bool { return v.route.Require.Addresses.Set() }

// networks are those of a list in one spelling, each once: nginx warns of what stands twice.
func networks(texts []string) (all []netip.Prefix) {
	for _, text := range texts {
		p, err := config.ParseNetwork(text)
		if err == nil && !slices.Contains(all, p) { // a configuration that was checked has no fault
			all = append(all, p)
		}
	}
	return all
}

// short writes an address without its length.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// addressGeo writes who may call. geo goes on through all proxies that are trusted, as
// apim-edge does.
func (n *nginx) addressGeo() {
	if !n.addressed() {
		return
	}
	n.gap()
	n.note("From where the route may be called.")
	a := n.route.Require.Addresses
	n.geo("allowed", a.Allow)
	n.geo("denied", a.Deny)
}

func (n *nginx) geo(variable string, texts []string) {
	if len(texts) == 0 {
		return
	}
	n.open("geo %s {", n.v(variable))
	for _, proxy := range networks(n.conf.TrustedProxies) {
		n.line("proxy %s;", proxy)
	}
	if len(n.conf.TrustedProxies) > 0 {
		n.line("proxy_recursive;")
	}
	n.line(`default "";`)
	for _, network := range networks(texts) {
		n.line("%s yes;", network)
	}
	n.close("}")
}

func (n *nginx) addressRefusals() {
	a := n.route.Require.Addresses
	if len(a.Allow) > 0 {
		n.line(`if (%s = "") { return 403 %s; }`, n.v("allowed"), refusal(403, foreignAddress))
	}
	if len(a.Deny) > 0 {
		n.line(`if (%s = yes) { return 403 %s; }`, n.v("denied"), refusal(403, foreignAddress))
	}
}

// proxiesInARow is through how many trusted proxies HAProxy looks.
const proxiesInARow = 4

// addressRules set the client's address and refuse by it. HAProxy takes 64 words in a line,
// so that each network has a line of its own.
func (h *haproxy) addressRules() {
	if !h.addressed() {
		return
	}
	h.gap()
	h.note("From where the route may be called.")
	h.do("set-var(txn.from) src")
	h.fromProxies()
	a := h.route.Require.Addresses
	h.refuseBy("allowed", a.Allow, "unless")
	h.refuseBy("denied", a.Deny, "if")
}

func (h *haproxy) refuseBy(name string, texts []string, when string) {
	for _, network := range networks(texts) {
		h.line("acl %s var(txn.from) -m ip %s", name, short(network))
	}
	if len(texts) > 0 {
		h.answer(403, foreignAddress, when+" "+name)
	}
}

// fromProxies goes from one trusted proxy to whom it names, as long as that is a trusted
// proxy too. What is named by none, or by too many in a row, ends it: of the latter nobody
// knows from where they come.
func (h *haproxy) fromProxies() {
	nets := networks(h.conf.TrustedProxies)
	if len(nets) == 0 {
		return
	}
	for _, network := range nets {
		h.line("acl trusted var(txn.from) -m ip %s", short(network))
	}
	named := ""
	for n := 1; n <= proxiesInARow; n++ {
		named += " { req.hdr_ip(x-forwarded-for,-" + itoa(n) + ") -m found }"
		h.do("set-var(txn.from) req.hdr_ip(x-forwarded-for,-%d) if trusted%s", n, named)
	}
	h.answer(403, foreignAddress, "if trusted"+named+" { req.hdr_ip(x-forwarded-for,-"+itoa(proxiesInARow+1)+") -m found }")
}

// addresses write the filters. Each has to let a caller pass.
func (a *apim) addresses() {
	list := a.route.Require.Addresses
	a.filter("allow", list.Allow)
	a.filter("forbid", list.Deny)
}

func (a *apim) filter(action string, texts []string) {
	if len(texts) == 0 {
		return
	}
	var single, ranges []netip.Prefix
	for _, p := range networks(texts) {
		if p.IsSingleIP() {
			single = append(single, p)
		} else {
			ranges = append(ranges, p)
		}
	}
	a.open(`<ip-filter action="%s">`, action)
	for _, p := range single {
		a.line("<address>%s</address>", p.Addr())
	}
	for _, p := range ranges {
		a.line(`<address-range from="%s" to="%s" />`, p.Addr(), config.LastAddress(p))
	}
	a.close("</ip-filter>")
}

// byProxiedFilter reports whether the address is one that proxies name.
func byProxiedFilter(v *view) bool { return v.addressed() && len(v.conf.TrustedProxies) > 0 }

func hasIPv6(v *view) bool {
	a := v.route.Require.Addresses
	return slices.ContainsFunc(append(networks(a.Allow), networks(a.Deny)...), func(p netip.Prefix) bool { return p.Addr().Is6() })
}
