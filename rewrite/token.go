package rewrite

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

// usualHeader holds the JOSE headers that occur (Entra: 100 to 250 bytes). A
// longer one, with certificates in it, is decoded on the heap.
const usualHeader = 512

// isToken reports whether v is shaped like a JWS (RFC 7515 section 7.1) or a
// JWE (RFC 7516 section 7.1) in compact form: three or five parts, the first
// of them a JSON object with a string alg. Neither an "eyJ" at the start nor a
// length says so: a subscription key may be any text.
func isToken(v []byte) bool {
	if dots := bytes.Count(v, dot); dots != 2 && dots != 4 {
		return false
	}
	return isHeader(v[:bytes.IndexByte(v, '.')])
}

// isHeader reports whether the first part of a value is the header of a token.
func isHeader(first []byte) bool {
	var usual [usualHeader]byte
	header := usual[:]
	if n := base64.RawURLEncoding.DecodedLen(len(first)); n > len(usual) {
		header = make([]byte, n)
	}
	encoding := base64.RawURLEncoding
	if bytes.HasSuffix(first, padding) {
		encoding = base64.URLEncoding
	}
	n, err := encoding.Decode(header, first)
	return err == nil && hasAlg(header[:n])
}

var dot, padding = []byte("."), []byte("=")

// hasAlg reports whether b is a JSON object with a string member alg, as
// encoding/json reads it. That allocates, so it is asked only where the short
// scan cannot say yes: for members that are not strings, and for values with
// dots that are no token.
func hasAlg(b []byte) bool {
	b = skipSpace(b)
	if len(b) == 0 || b[0] != '{' {
		return false
	}
	if hasAlgAmongStrings(b[1:]) {
		return true
	}
	var header map[string]json.RawMessage
	// The clone goes to the heap; without it every caller's buffer would.
	if json.Unmarshal(bytes.Clone(b), &header) != nil {
		return false
	}
	alg := header["alg"]
	return len(alg) > 0 && alg[0] == '"'
}

// hasAlgAmongStrings reports whether b, which follows the opening brace, is the
// rest of an object that has nothing but strings without escapes in it, one of
// them alg. "No" means only that it cannot tell.
func hasAlgAmongStrings(b []byte) bool {
	found := false
	for {
		name, rest, ok := plainString(skipSpace(b))
		if !ok {
			return false
		}
		rest = skipSpace(rest)
		if len(rest) == 0 || rest[0] != ':' {
			return false
		}
		_, rest, ok = plainString(skipSpace(rest[1:]))
		rest = skipSpace(rest)
		if !ok || len(rest) == 0 {
			return false
		}
		found = found || string(name) == "alg"
		switch rest[0] {
		case ',':
			b = rest[1:]
		case '}':
			return found && len(skipSpace(rest[1:])) == 0
		default:
			return false
		}
	}
}

// plainString takes a JSON string without escapes from the front of b.
func plainString(b []byte) (content, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	b = b[1:]
	for i, c := range b {
		switch {
		case c == '"':
			return b[:i], b[i+1:], true
		case c == '\\' || c < ' ':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}
