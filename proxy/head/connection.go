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

var errNominated = errors.New("Connection names more than 32 fields (RFC 9110 section 7.6.1); name only those of this connection")

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
func (c *connection) nominates(name []byte) bool {
	for _, n := range c.nominated {
		if len(n) == len(name) && bytes.EqualFold(n, name) {
			return true
		}
	}
	return false
}
