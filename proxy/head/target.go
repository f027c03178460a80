package head

import (
	"bytes"
	"net/netip"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

// splitTarget finds path and query in the target, in origin-form or
// absolute-form (RFC 9112 section 3.2).
func (r *Request) splitTarget() error {
	if string(r.Method) == "CONNECT" || string(r.Method) == "TRACE" {
		return edgeerr.New(edgeerr.MethodNotAllowed, "")
	}
	t := r.Target
	r.Odd = 0
	switch {
	case t[0] == '/':
	case len(t) == 1 && t[0] == '*' && string(r.Method) == "OPTIONS":
		r.Path, r.Query = t, nil
		return r.checkHost()
	default:
		rest, ok := cutScheme(t)
		if !ok {
			return Malformed("the request target is neither a path nor an http URL (RFC 9112 section 3.2)")
		}
		slash := bytes.IndexAny(rest, "/?#")
		if slash < 0 {
			slash = len(rest)
		}
		r.Host, t = rest[:slash], rest[slash:]
	}
	r.Path, r.Query, _ = bytes.Cut(t, []byte{'?'})
	if len(r.Path) == 0 {
		r.Path = []byte{'/'}
	}
	if bytes.IndexByte(r.Query, '#') >= 0 {
		return Malformed("the request target contains a fragment; take the # and what follows off the URL")
	}
	var err error
	if r.Odd, err = rewrite.CheckPath(r.Path); err != nil {
		return Malformed(err.Error())
	}
	return r.checkHost()
}

func cutScheme(t []byte) (rest []byte, ok bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(t) > len(scheme) && EqualFold(t[:len(scheme)], scheme) {
			return t[len(scheme):], true
		}
	}
	return nil, false
}

// hostByte holds what the name or the address of a host is made of.
var hostByte = func() (table [256]bool) {
	for c := range table {
		letter := byte(c) | 0x20
		table[c] = c >= '0' && c <= '9' || letter >= 'a' && letter <= 'z' || c == '.' || c == '-' || c == '_' || c == '~'
	}
	return table
}()

// checkHost refuses an authority that is not one name or address with an
// optional port: userinfo would be a credential from outside (RFC 9110 section
// 4.2.4), and two parsers find different ports in a:1:2.
func (r *Request) checkHost() error {
	host, port := r.Host, []byte(nil)
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if a, err := netip.ParseAddr(string(host[1:max(end, 1)])); err != nil || !a.Is6() || a.Zone() != "" {
			return Malformed("the host begins with [ but is no IPv6 address in brackets")
		}
		host, port = nil, host[end+1:]
	} else if colon := bytes.IndexByte(host, ':'); colon >= 0 {
		host, port = host[:colon], host[colon:]
	}
	for _, c := range host {
		if !hostByte[c] {
			return Malformed("the host contains a character other than letters, digits, '.', '-', '_' and a port; userinfo is not allowed")
		}
	}
	if len(port) > 0 && (port[0] != ':' || !isDigits(port[1:])) {
		return Malformed("the port behind the host is not a number")
	}
	return nil
}
