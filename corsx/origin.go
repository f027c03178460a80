package corsx

import (
	"strconv"
	"strings"
)

// maxOrigin bounds an origin: a scheme, a host name of at most 253 characters
// and a port fit well.
const maxOrigin = 512

// wellFormed reports whether b is what a browser sends as Origin (RFC 6454
// section 6.2): "null", or scheme://host with an optional port. Shells of apps have
// schemes of their own, with hosts such as - (app://-) or none (file://). An allowed
// origin is echoed into the response, and the library's wildcards compare only
// a prefix and a suffix, so nothing but a plain host may stand between them:
// else https://*.example.com would match "https://evil.test/.example.com".
func wellFormed(b []byte) bool {
	if len(b) > maxOrigin {
		return false
	}
	if string(b) == "null" {
		return true
	}
	scheme, rest, ok := strings.Cut(string(b), "://")
	if !ok || !isScheme(scheme) {
		return false
	}
	host, port, hasPort := cutPort(rest)
	if hasPort && !isPort(port) {
		return false
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, found = strings.CutSuffix(inner, "]")
		return found && isMadeOf(inner, isAddress)
	}
	if !ofTheWeb(scheme) {
		return host == "" && !hasPort || isMadeOf(host, isOpaqueChar)
	}
	for label := range strings.SplitSeq(host, ".") {
		if !isMadeOf(label, isHostChar) {
			return false
		}
	}
	return true
}

// ofTheWeb reports whether hosts of the scheme are names and addresses of the net.
func ofTheWeb(scheme string) bool {
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")
}

// cutPort splits host and port. The colons of an address in brackets belong to
// the host.
func cutPort(s string) (host, port string, hasPort bool) {
	end := strings.LastIndexByte(s, ']') + 1
	if i := strings.IndexByte(s[end:], ':'); i >= 0 {
		return s[:end+i], s[end+i+1:], true
	}
	return s, "", false
}

func isScheme(s string) bool {
	return isMadeOf(s, func(c byte) bool {
		return isAlphanumeric(c) || c == '+' || c == '-' || c == '.'
	})
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16) // refuses signs and the empty text
	return err == nil
}

func isAddress(c byte) bool  { return isAlphanumeric(c) || c == ':' || c == '.' }
func isHostChar(c byte) bool { return isAlphanumeric(c) || c == '-' || c == '_' }

// isOpaqueChar is what the hosts of other schemes hold: the WHATWG URL standard
// takes nearly everything; these are the characters that nobody has to escape.
func isOpaqueChar(c byte) bool { return isHostChar(c) || c == '.' || c == '~' }

func isAlphanumeric(c byte) bool {
	c = lower(c)
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z'
}

// isMadeOf reports whether s is not empty and holds only bytes that in accepts.
func isMadeOf(s string, in func(byte) bool) bool {
	for i := range len(s) {
		if !in(s[i]) {
			return false
		}
	}
	return len(s) > 0
}
