package rewrite

import (
	"fmt"
	"strings"
)

// managed are fields that frame messages, belong to one connection (RFC 9110
// section 7.6.1), or are written by the edge itself. A key in one of them
// would break the message or be overwritten.
var managed = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-connection": true, "te": true, "trailer": true,
	"transfer-encoding": true, "upgrade": true, "proxy-authorization": true, "proxy-authenticate": true,
	"host": true, "content-length": true, "content-type": true, "content-encoding": true, "expect": true,
	"date": true, "accept": true, "accept-encoding": true, "cookie": true, "origin": true, "range": true,
	"via": true, "forwarded": true, "x-forwarded-for": true, "x-forwarded-proto": true, "x-forwarded-host": true,
	"x-request-id": true, "traceparent": true, "tracestate": true, "max-forwards": true,
}

// checkName returns why a field cannot carry a subscription key.
func checkName(name string) error {
	if len(name) == 0 || len(name) > maxNameLength {
		return fmt.Errorf("%q must be a field name of 1 to %d characters, as in api-key", name, maxNameLength)
	}
	for i := range len(name) {
		if !tokenByte(name[i]) {
			return fmt.Errorf("%q is not a field name; letters, digits and !#$%%&'*+-.^_`|~ are allowed (RFC 9110 section 5.6.2)", name)
		}
	}
	lower := strings.ToLower(name)
	for _, prefix := range []string{"x-apim-edge-", "sec-", "access-control-"} {
		if strings.HasPrefix(lower, prefix) {
			return fmt.Errorf("%q cannot carry a key: fields that begin with %s have another meaning; use a field of its own, as in api-key", name, prefix)
		}
	}
	if managed[lower] {
		return fmt.Errorf("%q cannot carry a key: HTTP or apim-edge itself uses it; use a field of its own, as in api-key", name)
	}
	return nil
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
