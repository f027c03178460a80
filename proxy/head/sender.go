package head

import (
	"bytes"
	"net/netip"
)

// Sender returns who has sent the request: whoever is connected, or, where that is a proxy
// whose word is believed, whom it names as the one before it, and so on. A name that is
// no address ends it (X-Forwarded-For may say "unknown").
func (r *Request) Sender(connected netip.Addr, trusted func(netip.Addr) bool) netip.Addr {
	for i := len(r.kinds) - 1; i >= 0; i-- {
		if r.kinds[i] != kForwardedFor {
			continue
		}
		for rest := r.Fields[i].Value; len(rest) > 0; {
			if !trusted(connected) {
				return connected
			}
			at := bytes.LastIndexByte(rest, ',')
			before, ok := address(bytes.Trim(rest[at+1:], " \t"))
			if !ok {
				return connected
			}
			connected, rest = before, rest[:max(at, 0)]
		}
	}
	return connected
}

// address reads an address as proxies write it, with a port or without.
func address(text []byte) (netip.Addr, bool) {
	a, err := netip.ParseAddr(string(text))
	if err != nil {
		var with netip.AddrPort
		with, err = netip.ParseAddrPort(string(text))
		a = with.Addr()
	}
	return a.Unmap().WithZone(""), err == nil
}
