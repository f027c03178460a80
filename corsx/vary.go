package corsx

import "bytes"

// The bounds of a merged Vary: upstream's members, those that stand there twice
// included, and their bytes. More of them mean a broken upstream, and "*" then says
// the same to every cache: do not reuse. Each member is compared with all before
// it, so that both are bounded: 60 names of 500 bytes before 16,000 of one byte
// took 17 ms.
const (
	maxVary      = 64
	maxVaryBytes = 4096
)

// AppendVary appends the one Vary line of an actual response: the members of
// upstream's lines (each element is the value of one line) and what CORS adds,
// each once, in this order. "*" stays alone, because it covers every other
// (RFC 9110 section 12.5.5). A member that is no field name is dropped. The
// line is the same for allowed, refused and absent origins: a cache must not
// give the answer of one to another.
func (p *Policy) AppendVary(dst []byte, upstream [][]byte) []byte {
	start := len(dst)
	dst = append(dst, varyField+": "...)
	list, count, size := len(dst), 0, 0
	for _, value := range upstream {
		for more := true; more; {
			var member []byte
			member, value, more = bytes.Cut(value, comma)
			member = trimOWS(member)
			if !isToken(member) {
				continue
			}
			count, size = count+1, size+len(member)
			if string(member) == "*" || count > maxVary || size > maxVaryBytes {
				return append(dst[:start], varyField+": *\r\n"...)
			}
			if !hasMember(dst[list:], member) {
				dst = appendMember(dst, list, member)
			}
		}
	}
	if !hasMember(dst[list:], originName) {
		dst = appendMember(dst, list, originName)
	}
	return append(dst, "\r\n"...)
}

var (
	comma      = []byte(",")
	originName = []byte(originField)
)

// appendMember appends a member to the list that begins at dst[list].
func appendMember(dst []byte, list int, member []byte) []byte {
	if len(dst) > list {
		dst = append(dst, ", "...)
	}
	return append(dst, member...)
}

// hasMember reports whether a comma-separated list holds name, without case.
func hasMember(list, name []byte) bool {
	for more := true; more; {
		var member []byte
		member, list, more = bytes.Cut(list, comma)
		if bytes.EqualFold(trimOWS(member), name) {
			return true
		}
	}
	return false
}

// trimOWS takes off optional white space (RFC 9110 section 5.6.3).
func trimOWS(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
