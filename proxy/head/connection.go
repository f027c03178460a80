package head

import (
	"bytes"
	"errors"
	"slices"
)

// connection is what the Connection fields of a head say (RFC 9110 section 7.6.1).
type connection struct {
	Close     bool     // the sender closes after this exchange
	upgrade   bool     // it asks for another protocol, or agrees to one
	nominated [][]byte // names of fields that end here; they alias the head
}

// maxNominated bounds the names in the Connection fields of one head. Known
// clients and servers name three at most. Every field of a head is compared with
// each of them, and a name that is not looked at would let its field pass: so more
// are refused, and not ignored.
const maxNominated = 32

var errNominated = errors.New("the field Connection names more than 32 others (RFC 9110 section 7.6.1); name only those of this connection")

// reset forgets the head before, and all that aliases it.
func (c *connection) reset(http10 bool) {
	if len(c.nominated) > 0 {
		clear(c.nominated) // costs 10 ns even where there is none
	}
	c.Close, c.upgrade, c.nominated = http10, false, c.nominated[:0]
}

// readConnection reads the value of one Connection field. Empty members are looked
// at once, however many there are (RFC 9110 section 5.6.1.2).
func (c *connection) readConnection(v []byte) error {
	for len(v) > 0 {
		var t []byte
		t, v = nextToken(v)
		switch {
		case len(t) == 0, EqualFold(t, "keep-alive"):
		case EqualFold(t, "close"):
			c.Close = true
		case EqualFold(t, "upgrade"):
			c.upgrade = true
		case len(c.nominated) == maxNominated:
			return errNominated
		default:
			c.nominated = append(c.nominated, t)
		}
	}
	return nil
}

// upgrades reports whether the answer has to tell the client which protocols it has
// to ask for (RFC 9110 section 15.5.22): those are upstream's, and pass.
func (r *Response) upgrades() bool { return r.Status == 426 && slices.Contains(r.kinds, kUpgrade) }

// nominates reports whether a Connection field names the field.
func (c *connection) nominates(name []byte) bool { return len(c.nominated) > 0 && c.names(name) }

func (c *connection) names(name []byte) bool {
	for _, n := range c.nominated {
		if len(n) == len(name) && bytes.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// idleOf reads a Keep-Alive field (RFC 2068 section 19.7.1.1): for how many seconds
// the sender keeps the connection while it is idle, -1 if the field does not say. Of
// several words, known being one of them, the shortest counts; max=0 is none at all.
// What is no number says nothing.
func idleOf(v []byte, known int64) int64 {
	for len(v) > 0 {
		var param []byte
		param, v = nextToken(v)
		name, value, _ := bytes.Cut(param, []byte{'='})
		n := leadingNumber(bytes.Trim(value, " \t\""))
		switch name = trimOWS(name); {
		case n < 0, known >= 0 && n >= known:
		case EqualFold(name, "timeout"), n == 0 && EqualFold(name, "max"):
			known = n
		}
	}
	return known
}

// leadingNumber returns the number that v begins with, of 1 << 31 at most, or -1.
func leadingNumber(v []byte) int64 {
	n := int64(-1)
	for _, c := range v {
		if c < '0' || c > '9' {
			break
		}
		n = min(max(n, 0)*10+int64(c-'0'), 1<<31)
	}
	return n
}
