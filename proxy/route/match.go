package route

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Match returns the route for a request, or why there is none.
//
// A path that is plain has one reading, and that decides. Any other one is read
// straight, as RFC 3986 says, and then as the reader that takes most liberties
// with it: where the two come to different routes, the upstream could see a path
// whose route has other rules, and the request is refused.
func (s *Snapshot) Match(r *head.Request) (*Route, error) {
	route := s.first(r.Host, r.Path, r.Odd)
	switch {
	case route == nil:
		return nil, edgeerr.New(edgeerr.RouteNotFound, "")
	case r.Odd != 0 && !s.alone(route, r.Host) && s.ambiguous(route, r):
		return nil, head.Malformed("the path belongs to one route as it stands and to another one as other servers read it: " +
			r.Odd.String() + "; send it without")
	}
	return route, nil
}

// PrefixLen returns how much of the path of a request of the route is its prefix.
func (r *Route) PrefixLen(req *head.Request) int {
	return max(0, rewrite.PrefixLen(req.Path, r.prefix, req.Odd))
}

// first returns the first route for a host and a path, or nil. odd tells what the path
// has that other readers take for something else; 0 for a reading of it.
func (s *Snapshot) first(host, path []byte, odd rewrite.Oddities) *Route {
	for _, r := range s.Routes {
		if r.host.fits(host) && rewrite.PrefixLen(path, r.prefix, odd) >= 0 {
			return r
		}
	}
	return nil
}

// alone reports whether every path of the host belongs to the route. Then no other
// reading can leave it, and nothing is refused for one: names of models have %2F.
func (s *Snapshot) alone(route *Route, host []byte) bool {
	for _, r := range s.Routes {
		if r.host.fits(host) {
			return r == route && r.prefix == ""
		}
	}
	return false
}

// ambiguous reports whether another reader of the path could find another route.
// The prefix that the route has by its configuration is not in question, even if
// it is not plain: an operator has written it so.
func (s *Snapshot) ambiguous(route *Route, r *head.Request) bool {
	var room [512]byte
	rest := r.Path[rewrite.PrefixLen(r.Path, route.prefix, r.Odd):]
	for _, keep := range [...]rewrite.Oddities{0, rewrite.Parameter} {
		reading, clear := rewrite.AppendReading(append(room[:0], route.prefix...), rest, keep)
		if !clear || s.first(r.Host, reading, 0) != route { // not clear: nobody can tell what others read
			return true
		}
		if r.Odd&rewrite.Parameter == 0 {
			break // there is nothing to keep
		}
	}
	return false
}

// hostRule says for which hosts a route is.
type hostRule struct {
	text    string     // lower case, without a port; empty: any
	address netip.Addr // of an IPv6 host, which has many spellings
}

func newHostRule(host string) hostRule {
	h := hostRule{text: strings.TrimSuffix(strings.ToLower(host), ".")}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && a.Is6() {
		h.address = a
	}
	return h
}

func (h hostRule) any() bool { return h.text == "" }

// fits compares without case, without the port, and without the dots that may end
// a name: to a resolver they change nothing but where it looks. A host that fits no
// route falls to those for any host, whose rules may be less strict: so no spelling of
// a name may miss its route.
func (h hostRule) fits(host []byte) bool {
	switch {
	case h.text == "":
		return true
	case h.address.IsValid():
		end := bytes.IndexByte(host, ']')
		if end < 1 || host[0] != '[' {
			return false
		}
		a, err := netip.ParseAddr(string(host[1:end]))
		return err == nil && a == h.address
	case len(host) < len(h.text) || !head.EqualFold(host[:len(h.text)], h.text):
		return false
	}
	rest := host[len(h.text):]
	for len(rest) > 0 && rest[0] == '.' {
		rest = rest[1:]
	}
	return len(rest) == 0 || rest[0] == ':'
}
