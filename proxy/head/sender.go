package head

import (
	"bytes"
	"net/netip"
	"unsafe"
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

// address reads an address as proxies write it, with a port or without. A string of the
// text would be allocated, because errors hold it; none of them leaves this function, nor
// does a zone, which netip copies.
func address(text []byte) (a netip.Addr, ok bool) {
	var err error
	s := unsafe.String(unsafe.SliceData(text), len(text))
	if bytes.HasPrefix(text, []byte("[")) || bytes.Count(text, []byte(":")) == 1 {
		var with netip.AddrPort
		with, err = netip.ParseAddrPort(s)
		a = with.Addr()
	} else {
		a, err = netip.ParseAddr(s)
	}
	return a.Unmap().WithZone(""), err == nil
}

// HasBeenAt reports whether a Via field names whoever is called so: the request has
// passed there before.
func (r *Request) HasBeenAt(name []byte) bool {
	if !r.via {
		return false
	}
	for i, k := range r.kinds {
		if k == kVia && bytes.Contains(r.Fields[i].Value, name) {
			return true
		}
	}
	return false
}
