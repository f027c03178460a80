// Package rewrite decides what becomes of the credentials of a request.
//
// The idea: a legacy API wants its subscription key in one field (api-key),
// today's clients send it as "Authorization: Bearer <key>", and some send a
// token where the key belongs. A Policy looks at the shape of what a request
// carries and says what goes upstream; the table is in docs/credentials.md.
//
//	p, err := rewrite.NewPolicy(rewrite.Options{})
//	d := p.Decide(fields, query)
//	if d.Rejected() {
//		return d.Problem.String() // for the client; holds no value
//	}
//	head = p.AppendFields(head, &d, fields)
//
// The limits: the package never verifies a key or a token, it knows no route
// and no clock, does no I/O and holds no state; every function is total. It
// also has the check of paths that could be read in two ways (CheckPath).
package rewrite

import "strings"

// Field is one field line of a head. Both slices alias the caller's buffer;
// Value has optional whitespace trimmed (RFC 9110 section 5.5).
type Field struct{ Name, Value []byte }

// authorizationPlace is the index of Authorization in Policy.names. The key
// slot follows it in the order of precedence: target field, then aliases.
const authorizationPlace = 0

// place is one field or query parameter that may carry a credential.
type place struct {
	name  string // as configured
	lower string
	text  string // for messages
}

// Policy is a compiled set of Options. It is immutable, so that any number of
// exchanges may use it at once.
type Policy struct {
	names        []place
	lengths      uint64 // bit n: a governed field has a name of n bytes
	params       []place
	paramLengths uint64
	// subprotocol is the index in names of Sec-WebSocket-Protocol, the last one.
	subprotocol int

	// target is the index in names of the field that the key goes into. It is
	// authorizationPlace where the upstream expects its key in Authorization.
	target         int
	prefix, suffix string // around the key in the target field

	placeholders       []string // in lower case
	placeholderLengths uint64

	rejectConflict     bool
	rejectMissing      bool
	keepMisplacedToken bool
	keepAuthorization  bool
}

// NewPolicy compiles o. Options with faults have no policy: the error joins them.
func NewPolicy(o Options) (*Policy, error) {
	o = o.Complete()
	if err := o.Faults().Err(); err != nil {
		return nil, err
	}
	p := &Policy{
		rejectConflict:     o.RejectConflict,
		rejectMissing:      o.RejectMissing,
		keepMisplacedToken: o.KeepMisplacedToken,
		keepAuthorization:  o.KeepAuthorization,
	}
	p.addName("Authorization")
	p.setTarget(o.Header)
	p.prefix, p.suffix, _ = strings.Cut(o.Value, keyMark)
	for _, name := range o.Aliases {
		if !has(p.names, name) { // one equal to the target is the target
			p.addName(name)
		}
	}
	for _, name := range o.QueryAliases {
		if !has(p.params, name) {
			p.params = append(p.params, place{name: name, lower: strings.ToLower(name), text: "the query parameter " + name})
			p.paramLengths |= 1 << len(name)
		}
	}
	for _, value := range o.Placeholders {
		p.placeholders = append(p.placeholders, strings.ToLower(value))
		p.placeholderLengths |= 1 << len(value)
	}
	p.subprotocol = len(p.names)
	p.addName("Sec-WebSocket-Protocol")
	return p, nil
}

func (p *Policy) addName(name string) {
	p.names = append(p.names, place{name: name, lower: strings.ToLower(name), text: name})
	p.lengths |= 1 << len(name)
}

// has reports whether name is governed already. Names are few.
func has(places []place, name string) bool {
	for _, known := range places {
		if known.lower == strings.ToLower(name) {
			return true
		}
	}
	return false
}

// setTarget keeps the spelling of the field, which is how the upstream sees it.
func (p *Policy) setTarget(name string) {
	if strings.EqualFold(name, "Authorization") {
		p.names[authorizationPlace].name = name
		return
	}
	p.target = len(p.names)
	p.addName(name)
}

// Governs reports whether fields of this name are under the policy, by their name
// or by one that some upstreams read as such (Likeness). None of them is shown,
// or passes in a trailer.
func (p *Policy) Governs(name []byte) bool { return p.find(name) != absent }

// Takes reports whether a line of a head is under the policy. The caller never
// copies such a line: AppendFields writes what goes upstream. Of the subprotocols
// it takes the lines that hold a key.
func (p *Policy) Takes(line *Field) bool {
	return p.governsLength(line.Name) && p.takes(line)
}

func (p *Policy) takes(line *Field) bool {
	at := lookup(p.names, line.Name)
	return at != absent && (at != p.subprotocol || holdsKey(line.Value))
}

// What find returns where no field has exactly this name.
const (
	absent = -1
	// neighbour: some upstreams read the name as that of a governed field.
	neighbour = -2
)

// governsLength reports whether a governed field has a name so long. It decides for nearly
// every field of a head.
func (p *Policy) governsLength(name []byte) bool { return p.lengths&(1<<uint(len(name))) != 0 }

// find returns the index in names of a field, absent or neighbour.
func (p *Policy) find(name []byte) int {
	if !p.governsLength(name) {
		return absent
	}
	return lookup(p.names, name)
}

func lookup(places []place, name []byte) int {
	found := absent
	for i := range places {
		if string(name) == places[i].name || equalFold(name, places[i].lower) { // nearly always as it is known
			return i
		}
		if len(name) == len(places[i].lower) && Compare(name, places[i].lower) == Neighbour {
			found = neighbour
		}
	}
	return found
}
