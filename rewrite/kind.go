package rewrite

import (
	"bytes"
	"encoding/binary"
)

// kind is what a value looks like. Nothing is verified.
type kind uint8

const (
	kindAbsent kind = iota
	// kindPlaceholder: empty or in the list of placeholders.
	kindPlaceholder
	kindKey
	kindToken
	// kindOther: Authorization with a scheme other than Bearer.
	kindOther
)

// maxValue bounds the value of one field. Entra tokens exceed 11 KB.
const maxValue = 16 << 10

// position says where a value stood.
type position uint8

const (
	bareValue position = iota
	// afterScheme: after Bearer, where RFC 6750 section 2.1 allows no space.
	afterScheme
)

// afterBearer returns what follows the scheme Bearer (in any case) and the
// spaces or tabs behind it. Bearer alone is followed by nothing.
func afterBearer(v []byte) (rest []byte, ok bool) {
	const scheme = "bearer"
	if len(v) < len(scheme) || lowerByte(v[0]) != 'b' || !equalFold(v[:len(scheme)], scheme) {
		return v, false
	}
	rest = v[len(scheme):]
	if len(rest) > 0 && rest[0] != ' ' && rest[0] != '\t' {
		return v, false
	}
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		rest = rest[1:]
	}
	return rest, true
}

// classify sets the kind and the bare value of c, or refuses the request.
func (p *Policy) classify(d *Decision, c *credential, value []byte, stood position) {
	if stood == afterScheme {
		if again, ok := afterBearer(value); ok {
			d.Notes |= DoubledScheme
			c.doubled = true
			value = again
		}
		if _, ok := afterBearer(value); ok {
			d.reject(Problem{fault: faultScheme, place: p.text(c.place)})
			return
		}
	}
	found := scan(value)
	if wrong := faultOf(value, found, stood); wrong != faultNone {
		d.reject(Problem{fault: wrong, place: p.text(c.place)})
		return
	}
	c.value = value
	switch {
	case p.placeholder(value):
		d.Notes |= Placeholder
		*c = credential{kind: kindPlaceholder, place: c.place}
	case found == 0 && isToken(value): // no token has a space, and none may follow Bearer
		c.kind = kindToken
	default:
		c.kind = kindKey
	}
}

// classifyOther does the same for an Authorization value that is not Bearer.
func (p *Policy) classifyOther(d *Decision, c *credential, value []byte) {
	switch {
	case len(value) > maxValue:
		d.reject(Problem{fault: faultTooLong, place: p.text(c.place)})
	case scan(value)&foundForbidden != 0:
		d.reject(Problem{fault: faultCharacters, place: p.text(c.place)})
	case p.placeholder(value):
		d.Notes |= Placeholder
		c.kind = kindPlaceholder
	default:
		c.kind = kindOther
	}
}

// faultOf returns what is wrong with a value that has such characters. A comma comes
// before a space: "Bearer a, Bearer b" is two credentials, not one with a space.
func faultOf(value []byte, found uint8, stood position) fault {
	switch {
	case found&foundForbidden != 0, found&foundTab != 0 && stood == bareValue:
		return faultCharacters
	case bytes.IndexByte(value, ',') >= 0:
		return faultComma
	case found != 0 && stood == afterScheme:
		return faultSpace
	}
	return faultNone
}

func (p *Policy) placeholder(value []byte) bool {
	if len(value) == 0 {
		return true
	}
	if p.placeholderLengths&(1<<uint(len(value))) == 0 {
		return false
	}
	for _, known := range p.placeholders {
		if equalFold(value, known) {
			return true
		}
	}
	return false
}

// What scan finds.
const (
	foundSpace = 1 << iota
	foundTab
	foundForbidden // other control characters and everything outside ASCII
)

// scan looks for characters that are not visible ASCII. It reads eight bytes
// at a time: an Entra token of 2 KB is looked at in about 0.2 us, not 1 us.
func scan(v []byte) (found uint8) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(v) >= 8 {
		word := binary.LittleEndian.Uint64(v)
		del := word ^ 0x7f*ones
		if (word|(word-0x21*ones)&^word|(del-ones)&^del)&highs != 0 {
			found |= scanBytes(v[:8])
		}
		v = v[8:]
	}
	return found | scanBytes(v)
}

func scanBytes(v []byte) (found uint8) {
	for _, c := range v {
		switch {
		case c > ' ' && c < 0x7f:
		case c == ' ':
			found |= foundSpace
		case c == '\t':
			found |= foundTab
		default:
			found |= foundForbidden
		}
	}
	return found
}
