package rewrite

import "strings"

// managed are fields that frame messages, belong to one connection (RFC 9110
// section 7.6.1), or are written by the edge itself. A key in one of them
// would break the message or be overwritten.
var managed = strings.Fields(`connection keep-alive proxy-connection te trailer transfer-encoding upgrade http2-settings
	proxy-authorization proxy-authenticate host content-length content-type content-encoding expect date accept
	accept-encoding cookie origin range via forwarded x-real-ip x-client-ip x-cluster-client-ip true-client-ip
	x-original-url x-original-uri x-original-host x-original-for x-original-proto x-rewrite-url
	x-request-id traceparent tracestate max-forwards`)

// prefixes begin the names of fields that are written by the edge, by browsers or
// by proxies.
var prefixes = []string{"x-apim-edge-", "x-forwarded-", "sec-", "access-control-"}

// Taken reports whether a field has a meaning that a key in it would break, by its
// name or by one that some upstreams read as such.
func Taken(name string) bool {
	for _, prefix := range prefixes {
		if len(name) >= len(prefix) && Compare([]byte(name[:len(prefix)]), prefix) != Different {
			return true
		}
	}
	for _, known := range managed {
		if Compare([]byte(name), known) != Different {
			return true
		}
	}
	return false
}

// Likeness is what two field names are to each other. Servers that hand fields over
// as CGI variables (RFC 3875 section 4.1.18) write api-key, api_key and, with
// lighttpd and PHP, api.key or api~key the same way, so that a client could forge
// the one in the spelling of the other.
type Likeness uint8

// The likenesses. Neighbours differ in case and in what stands between their letters
// and digits, and in nothing else.
const (
	Different Likeness = iota
	Neighbour
	Equal
)

// Compare compares a name with one in lower case, without case, in ASCII only:
// under Unicode folding a Kelvin sign would equal a k. The first letter or digit
// that differs ends it, so that likeness costs ordinary names nothing.
func Compare(name []byte, lower string) Likeness {
	if len(name) != len(lower) {
		return Different
	}
	found := Equal
	for i, c := range name {
		switch {
		case c == lower[i] || lowerByte(c) == lower[i]:
		case !alphanumeric(c) && !alphanumeric(lower[i]):
			found = Neighbour
		default:
			return Different
		}
	}
	return found
}

// equalFold reports whether they are equal in that way.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if lowerByte(c) != lower[i] {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// isFieldName reports whether s can be a field name (RFC 9110 section 5.6.2).
func isFieldName(s string) bool {
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func tokenByte(c byte) bool {
	return alphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func unreserved(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte("-._~", s[i]) < 0 {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
