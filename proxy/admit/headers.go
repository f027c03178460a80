package admit

import (
	"crypto/subtle"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Header is the gate of one field that a request must have, once. It does not change; what
// its values are may.
type Header struct {
	// Name is that of the field, in lower case.
	Name string
	// Blind tells that not all values are known, as those of vaults where nobody asks them:
	// Explain then compares none.
	Blind bool

	gate, told              string
	missing, several, wrong string // made once: whoever floods the edge costs it no texts
	values                  []Value
	fold                    bool
}

// Value is one that a field may have. Current returns nil where it was withdrawn, which
// no field has.
type Value interface{ Current(now time.Time) []byte }

// NewHeader returns the gate that lets in who has the field with one of the values, or
// with any where there is none. Sources are what the values are called in words.
func NewHeader(gate, name string, values []Value, sources []string, ignoreCase bool) *Header {
	const instead = "; call through the front that sets it"
	told := "the request must have " + name + " once, with any value"
	if len(values) > 0 {
		told = "the request must have " + name + " once, with the value of " + strings.Join(sources, " or ")
	}
	return &Header{
		Name: strings.ToLower(name), gate: gate, told: told, values: values, fold: ignoreCase,
		missing: "the field " + name + " is missing, and the route asks for it" + instead,
		several: "the field " + name + " stands there several times, and the route asks for one" + instead + " and does not keep one that comes from outside",
		wrong:   "the field " + name + " has none of the values that may use the route" + instead + ", or have its value put into require.headers of the route",
	}
}

// Check judges a request by how often it has the field, and by the value of that.
func (h *Header) Check(lines int, value []byte, now time.Time) Verdict {
	v := Verdict{Gate: h.gate, Note: h.told}
	switch {
	case lines == 0 || lines == 1 && len(value) == 0:
		v.Message = h.missing
	case lines > 1: // a front and a server behind it could look at different ones
		v.Message = h.several
	case len(h.values) > 0 && !h.known(value, now):
		v.Message = h.wrong
	default:
		return v
	}
	v.Code = edgeerr.HeaderNotAllowed
	return v
}

// Explain is Check, for an operator.
func (h *Header) Explain(lines int, value []byte, now time.Time) Verdict {
	if !h.Blind {
		return h.Check(lines, value, now)
	}
	present := *h
	present.values, present.told = nil, h.told+", which is not known here"
	return present.Check(lines, value, now)
}

// known looks at each value, also where the first is the one: which of them it is, and
// where two begin to differ, cannot be measured.
func (h *Header) known(value []byte, now time.Time) bool {
	found := 0
	for _, of := range h.values {
		if want := of.Current(now); len(want) > 0 {
			found |= same(value, want, h.fold)
		}
	}
	return found == 1
}

// same returns 1 for equal values, else 0, in a time that depends on their lengths alone.
func same(value, want []byte, fold bool) int {
	if !fold {
		return subtle.ConstantTimeCompare(value, want)
	}
	if len(value) != len(want) {
		return 0
	}
	var differ byte
	for i, c := range value {
		differ |= lower(c) ^ lower(want[i])
	}
	return subtle.ConstantTimeByteEq(differ, 0)
}

// lower makes a lower-case letter of an upper-case one, without a branch.
func lower(c byte) byte {
	upper := (int('A') - 1 - int(c)) & (int(c) - int('Z') - 1) >> 8 & 0x20
	return c | byte(upper)
}
