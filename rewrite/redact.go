package rewrite

import "bytes"

var stars = []byte("***")

// maxShownName bounds the names whose values are shown. Nobody misses the value
// of a longer one, and what is looked at fits on the stack.
const maxShownName = 128

// AppendRedactedQuery appends query to dst with *** for every value that may be
// a secret, up to the next &. It is for logs and for people, so it hides more
// than Decide reads: it goes by what a name is made of and by the shape of
// values, and takes what another reader may decode, once or twice, for decoded.
// It is linear in its bytes. The receiver may be nil.
func (p *Policy) AppendRedactedQuery(dst, query []byte) []byte {
	for start := 0; start <= len(query); {
		end := segmentEnd(query, start)
		dst = p.appendRedacted(dst, query[start:end])
		if end < len(query) {
			dst = append(dst, '&')
		}
		start = end + 1
	}
	return dst
}

// AppendRedactedPath does the same for a path, each up to its next slash. A long
// segment behind one that names a key (/api-key/0123...) is hidden, too: what is
// shorter is a word (/oauth/token/refresh), and keys may be any text.
func (p *Policy) AppendRedactedPath(dst, path []byte) []byte {
	if short(path) {
		return append(dst, path...)
	}
	var before []byte
	for {
		end, next := pathSegment(path)
		segment := path[:end]
		if len(segment) >= leastSecret && p.secretName(before) {
			dst = append(dst, stars...)
		} else {
			dst = p.appendRedacted(dst, segment)
		}
		dst = append(dst, path[end:next]...)
		if end == next {
			return dst
		}
		before, path = segment, path[next:]
	}
}

// HoldsSecret reports whether a value that is to be shown has a secret in it, by
// its shape or behind a name.
func HoldsSecret(value []byte) bool { return (*Policy)(nil).secretStart(value) >= 0 }

func (p *Policy) appendRedacted(dst, piece []byte) []byte {
	n := p.secretStart(piece)
	if n < 0 {
		return append(dst, piece...)
	}
	return append(append(dst, piece[:n]...), stars...)
}

// pathSegment returns where the first segment of a path ends and where the next
// one begins: behind a slash or what is decoded to one. Both are the length of
// the path for the last segment.
func pathSegment(path []byte) (end, next int) {
	for i := 0; i < len(path); i++ {
		c, n := path[i], 1
		if c == '%' {
			c, n = decodeDeep(path[i:])
		}
		if c == '/' || c == '\\' {
			return i, i + n
		}
		i += n - 1
	}
	return len(path), len(path)
}

// leastSecret is how long a token or a key in a path is at least. APIM makes keys
// of 32 hexadecimal digits.
const leastSecret = 16

// short reports whether a path is of short words, as nearly every one: none can be
// a secret, and nobody needs to look at it twice (45 ns where looking takes 350).
func short(path []byte) bool {
	length := 0
	for _, c := range path {
		length++
		switch {
		case c == '/':
			length = 0
		case !inert[c] && c != '.' || length == leastSecret:
			return false
		}
	}
	return true
}

// secretStart returns where the first secret in a piece of a target or of a value
// begins, or -1. A secret is the value of a name that says so, a token, what stands
// behind a scheme of Authorization, or the password of a URL within.
func (p *Policy) secretStart(piece []byte) int {
	name, part, password := 0, 0, 0 // where they would begin; a password: 0 is none
	for i := 0; i < len(piece); {
		c, n := piece[i], 1
		if inert[c] {
			i++
			continue
		}
		if c == '%' {
			c, n = decodeDeep(piece[i:])
		}
		next := i + n
		switch {
		case inert[c]:
		case c == '.':
			if isEscapedHeader(piece[part:i]) {
				return part
			}
			part = next
		case c == '=' || c == ':':
			if p.secretName(piece[name:i]) && (c == '=' || !isPort(piece[next:])) {
				return next
			}
			name = next
			if c == ':' {
				password = next
			}
			if c == ':' || !paddingGoesOn(piece[next:]) {
				part = next
			}
		case c == '&' || c == ';' || c == '?' || c == '#':
			name, part, password = next, next, 0
		case c == '@' && password > 0:
			return password
		case c == '/':
			part, password = next, 0
		case (c == ' ' || c == '+') && isScheme(piece[part:i]):
			return next
		default:
			part = next
		}
		i = next
	}
	return -1
}

// inert are the bytes that neither end a name nor a part of a token.
var inert = func() (table [256]bool) {
	for c := range table {
		table[c] = alphanumeric(byte(c)) || c == '-' || c == '_'
	}
	return table
}()

// isScheme reports whether a part in front of a space is the scheme of a credential,
// whose value says of itself what it is (Bearer%20 and any key).
func isScheme(part []byte) bool {
	var plain [len("bearer")]byte
	decoded, ok := decodeInto(plain[:], part)
	return ok && (equalFold(decoded, "bearer") || equalFold(decoded, "basic"))
}

// isPort reports whether what stands behind a colon is the port of a host, whatever
// that is called (auth.example.com:8443).
func isPort(b []byte) bool {
	digits := 0
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		digits++
	}
	return digits > 0 && digits <= 5 && (digits == len(b) || b[digits] == '/' || b[digits] == '%')
}

// paddingGoesOn reports whether an equals sign in front of b could be padding of
// the first part of a token: more of it follows, or the dot.
func paddingGoesOn(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	c, _ := decodeDeep(b)
	return c == '=' || c == '.'
}

// isEscapedHeader reports whether a part in front of a dot is the header of a
// token, as it stands or percent-encoded.
func isEscapedHeader(part []byte) bool {
	const shortest = 14 // {"alg":""}
	if len(part) < shortest {
		return false
	}
	var plain [usualHeader]byte
	decoded, ok := decodeInto(plain[:], part)
	return !ok || isHeader(decoded)
}

// decodeDeep returns what b begins with, percent-decoded as often as it can be,
// and how many bytes that takes: %2526 is an ampersand to a reader behind a
// reader.
func decodeDeep(b []byte) (c byte, n int) {
	c, n = b[0], 1
	for c == '%' && len(b) >= n+2 {
		high, low := unhex(b[n]), unhex(b[n+1])
		if high >= 16 || low >= 16 {
			break
		}
		c, n = high<<4|low, n+2
	}
	return c, n
}

// decodeInto decodes b in that way, into buffer where there is something to
// decode. ok is false where it does not fit.
func decodeInto(buffer, b []byte) (decoded []byte, ok bool) {
	if bytes.IndexByte(b, '%') < 0 {
		return b, true
	}
	used := 0
	for i := 0; i < len(b); used++ {
		if used == len(buffer) {
			return nil, false
		}
		c, n := decodeDeep(b[i:])
		buffer[used] = c
		i += n
	}
	return buffer[:used], true
}

// secretName reports whether what a name stands for may be a secret.
func (p *Policy) secretName(name []byte) bool {
	if bytes.IndexByte(name, '%') < 0 {
		return p.secretPlainName(name)
	}
	var plain [maxShownName]byte
	name, ok := decodeInto(plain[:], name)
	return !ok || p.secretPlainName(name)
}

func (p *Policy) secretPlainName(name []byte) bool {
	switch {
	case len(name) == 0:
		return false
	case len(name) > maxShownName:
		return true
	case p != nil && (lookup(p.params, name) != absent || lookup(p.names, name) != absent):
		return true
	case string(name) == "api-version": // in nearly every query
		return false
	}
	for start, i := 0, 0; i <= len(name); i++ {
		if i < len(name) && alphanumeric(name[i]) {
			continue
		}
		if secretPart(name[start:i]) {
			return true
		}
		start = i + 1
	}
	return false
}

// secretPart reports whether a part of a name says secret, as a whole or in one
// of the words of its camelCase.
func secretPart(part []byte) bool {
	if secretWord(part) {
		return true
	}
	start := 0
	for i := 1; i < len(part); i++ {
		humps := upper(part[i]) && (!upper(part[i-1]) || i+1 < len(part) && part[i+1] >= 'a')
		if humps && secretWord(part[start:i]) {
			return true
		}
		if humps {
			start = i
		}
	}
	return start > 0 && secretWord(part[start:])
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }

// secretWords say that a value is a secret, alone or, with a star, also at the
// end of a word: apikey, accesstoken.
var secretWords = []string{
	"*key", "*keys", "*token", "*secret", "*password", "*passwd", "*pwd", "*pass", "*passphrase", "pin", "*otp", "psk", "*code",
	"*signature", "*sig", "sign", "*hmac", "*jwt", "jws", "jwe", "*auth", "*authorization", "*authentication", "authn", "authz", "*bearer",
	"*assertion", "samlresponse", "sas", "*credential", "*cred", "*creds", "*cookie", "*session", "*sessionid", "*sessid", "sid",
	"*csrf", "*xsrf", "connectionstring",
}

// secretWithin say so wherever they stand in a word.
var secretWithin = []string{"secret", "passw", "apikey", "credential", "signature"}

// harmlessWords end like a secret and are none.
var harmlessWords = []string{
	"monkey", "donkey", "turkey", "hockey", "whiskey", "hotkey", "compass", "bypass",
	"encode", "decode", "unicode", "transcode", "geocode", "barcode", "zipcode", "postcode", "qrcode", "opcode", "vscode",
}

// word is one of secretWords, by its last letter.
type word struct {
	text string
	ends bool
}

var wordsByLast = func() (table [256][]word) {
	for _, text := range secretWords {
		w := word{text: text}
		if text[0] == '*' {
			w = word{text[1:], true}
		}
		last := w.text[len(w.text)-1]
		table[last] = append(table[last], w)
	}
	return table
}()

// secretWord reports whether a word, but for digits at its end, says secret.
func secretWord(b []byte) bool {
	for len(b) > 0 && b[len(b)-1] <= '9' {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return false
	}
	for _, w := range wordsByLast[lowerByte(b[len(b)-1])] {
		rest := len(b) - len(w.text)
		if rest < 0 || rest > 0 && !w.ends || !equalFold(b[rest:], w.text) {
			continue
		}
		return rest == 0 || !isAny(b, harmlessWords)
	}
	for _, w := range secretWithin {
		for i := 0; i+len(w) < len(b); i++ {
			if lowerByte(b[i]) == w[0] && equalFold(b[i:i+len(w)], w) {
				return true
			}
		}
	}
	return false
}

func isAny(b []byte, words []string) bool {
	for _, w := range words {
		if equalFold(b, w) {
			return true
		}
	}
	return false
}
