package config

import (
	"net"
	"net/netip"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Addresses say from where clients may call.
type Addresses struct {
	// Addresses or networks (CIDR) from which alone clients may call: 203.0.113.7,
	// 10.0.0.0/8, 2001:db8::/32. Behind a balancer they are told by trusted_proxies.
	// Empty: everybody.
	Allow []string `koanf:"allow"`
	// Addresses or networks from which no client may call, also where allow has them.
	Deny []string `koanf:"deny"`
}

// Set reports whether anybody is kept away.
func (a Addresses) Set() bool { return len(a.Allow)+len(a.Deny) > 0 }

// ParseNetwork reads an address, which is a network that has it alone, or a network
// (CIDR). IPv4 is never IPv6 in what it returns, as it never is in addresses of clients.
func ParseNetwork(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			return netip.PrefixFrom(a.Unmap(), p.Bits()-96), nil
		}
		return p, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// LastAddress returns the last address of a network.
func LastAddress(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (v *checker) addresses(key string, a Addresses) {
	for i, network := range a.Allow {
		v.network(option.Element(option.Child(key, "allow"), i), network)
	}
	for i, network := range a.Deny {
		v.network(option.Element(option.Child(key, "deny"), i), network)
	}
}

func (v *checker) network(key, network string) {
	if _, err := netip.ParseAddr(network); err == nil {
		return
	}
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		v.wrong(key, option.Show(network), "an address or a network, such as 10.0.0.0/8", respellNetwork(network))
		return
	}
	if prefix != prefix.Masked() {
		v.wrong(key, option.Show(network), "a network without host bits", prefix.Masked().String())
	}
}

// respellNetwork guesses what was meant: 10.0.0.0/255.0.0.0, 10.0.* or [::1].
func respellNetwork(text string) string {
	if a, err := netip.ParseAddr(unbracket(text)); err == nil {
		return a.String()
	}
	base, mask, _ := strings.Cut(text, "/")
	if m, err := netip.ParseAddr(mask); err == nil && m.Is4() {
		bits, of := net.IPMask(m.AsSlice()).Size()
		if a, err := netip.ParseAddr(base); err == nil && a.Is4() && of > 0 {
			return netip.PrefixFrom(a, bits).Masked().String()
		}
	}
	known := strings.TrimSuffix(text, ".*")
	for strings.HasSuffix(known, ".*") {
		known = strings.TrimSuffix(known, ".*")
	}
	parts := strings.Count(known, ".") + 1
	if a, err := netip.ParseAddr(known + strings.Repeat(".0", max(4-parts, 0))); err == nil && known != text {
		return netip.PrefixFrom(a, 8*parts).String()
	}
	return ""
}

// addressWarnings tells of who is let in and kept away at once.
func (v *checker) addressWarnings(key string, a Addresses) {
	for i, allowed := range a.Allow {
		in, err := ParseNetwork(allowed)
		for _, denied := range a.Deny {
			if out, wrong := ParseNetwork(denied); err == nil && wrong == nil && out.Bits() <= in.Bits() && out.Contains(in.Addr()) {
				v.fault(option.Element(option.Child(key, "allow"), i), option.Show(allowed), "nobody of these may call, since deny has "+denied, "")
			}
		}
	}
}
