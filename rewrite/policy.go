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

import (
	"errors"
	"fmt"
	"strings"
)

// Field is one field line of a head. Both slices alias the caller's buffer;
// Value has optional whitespace trimmed (RFC 9110 section 5.5).
type Field struct{ Name, Value []byte }

// Options say how credentials are rewritten. The zero value is the default:
// the key goes into api-key, and nothing is refused for want of a credential.
type Options struct {
	// Header is the field in which the upstream expects the key; empty: api-key.
	Header string
	// Value is how the key is written into the field; empty: "{key}".
	Value string
	// Aliases are further fields in which clients send the key. Nil: api-key
	// and Ocp-Apim-Subscription-Key.
	Aliases []string
	// QueryAliases are parameters in which clients send the key. Nil:
	// subscription-key.
	QueryAliases []string
	// RejectConflict refuses two different credentials of one kind.
	RejectConflict bool
	// RejectMissing refuses a request without a credential.
	RejectMissing bool
	// KeepMisplacedToken leaves a token where the key belongs.
	KeepMisplacedToken bool
	// KeepAuthorization sends Authorization on as well as the key taken from it.
	KeepAuthorization bool
	// Placeholders are values that count as absent. Nil: DefaultPlaceholders.
	Placeholders []string
}

// DefaultPlaceholders returns the values that SDKs and their users are known
// to send where there is no key.
func DefaultPlaceholders() []string {
	return []string{"EMPTY", "dummy", "none", "null", "undefined", "sk-no-key-required"}
}

const (
	// maxNames bounds the governed fields, Authorization included, and the
	// query parameters, so that Decide keeps what it found on the stack.
	maxNames = 16
	// maxNameLength lets the lengths of names be a bit set in one word.
	maxNameLength = 63
	keyMark       = "{key}"
)

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

// NewPolicy compiles o. An error lists every fault, each with the name of the
// option in the configuration and what is allowed.
func NewPolicy(o Options) (*Policy, error) {
	p := &Policy{
		rejectConflict:     o.RejectConflict,
		rejectMissing:      o.RejectMissing,
		keepMisplacedToken: o.KeepMisplacedToken,
		keepAuthorization:  o.KeepAuthorization,
	}
	p.addName("Authorization")
	err := errors.Join(
		p.setTarget(o),
		p.setValue(o.Value),
		p.setAliases(o.Aliases),
		p.setQueryAliases(o.QueryAliases),
		p.setPlaceholders(o.Placeholders),
	)
	if err != nil {
		return nil, err
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

func (p *Policy) setTarget(o Options) error {
	name := o.Header
	if name == "" {
		name = "api-key"
	}
	if strings.EqualFold(name, "Authorization") {
		p.names[authorizationPlace].name = name
		if o.KeepAuthorization {
			return errors.New("keep_authorization: the key already goes into Authorization (header); remove keep_authorization, or name another field in header")
		}
		return nil
	}
	if err := checkName(name); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	p.target = len(p.names)
	p.addName(name)
	return nil
}

func (p *Policy) setValue(value string) error {
	if value == "" {
		value = keyMark
	}
	prefix, suffix, ok := strings.Cut(value, keyMark)
	if !ok || strings.Contains(suffix, keyMark) {
		return fmt.Errorf("value: %q must contain {key} exactly once, as in {key} or Bearer {key}", value)
	}
	if !printable(value) || strings.HasPrefix(value, " ") || strings.HasSuffix(value, " ") {
		return fmt.Errorf("value: %q must be visible ASCII characters, with spaces only between them, as in {key} or Bearer {key}", value)
	}
	p.prefix, p.suffix = prefix, suffix
	return nil
}

func (p *Policy) setAliases(aliases []string) error {
	if aliases == nil {
		aliases = []string{"api-key", "Ocp-Apim-Subscription-Key"}
	}
	var faults []error
	for _, name := range aliases {
		if strings.EqualFold(name, "Authorization") && p.target != authorizationPlace {
			faults = append(faults, errors.New("aliases: Authorization is always looked at; remove it"))
			continue
		}
		if has(p.names, name) {
			continue // an alias equal to the target is the target
		}
		if err := checkName(name); err != nil {
			faults = append(faults, fmt.Errorf("aliases: %w", err))
			continue
		}
		p.addName(name)
	}
	if len(p.names) > maxNames {
		faults = append(faults, fmt.Errorf("aliases: %d fields with Authorization and header; at most %d are allowed", len(p.names), maxNames))
	}
	return errors.Join(faults...)
}

func (p *Policy) setQueryAliases(aliases []string) error {
	if aliases == nil {
		aliases = []string{"subscription-key"}
	}
	var faults []error
	for _, name := range aliases {
		if has(p.params, name) {
			continue
		}
		if len(name) == 0 || len(name) > maxNameLength || !unreserved(name) {
			faults = append(faults, fmt.Errorf("query_aliases: %q must be 1 to %d letters, digits or any of -._~", name, maxNameLength))
			continue
		}
		p.params = append(p.params, place{name: name, lower: strings.ToLower(name), text: "the query parameter " + name})
		p.paramLengths |= 1 << len(name)
	}
	if len(p.params) > maxNames {
		faults = append(faults, fmt.Errorf("query_aliases: %d parameters; at most %d are allowed", len(p.params), maxNames))
	}
	return errors.Join(faults...)
}

func (p *Policy) setPlaceholders(values []string) error {
	if values == nil {
		values = DefaultPlaceholders()
	}
	var faults []error
	for i, value := range values {
		// The position stands for the value: it may be a key put here by mistake.
		if len(value) == 0 || len(value) > maxNameLength || !printable(value) {
			faults = append(faults, fmt.Errorf("placeholders[%d]: must be 1 to %d ASCII characters; the empty value counts as a placeholder without being listed", i, maxNameLength))
			continue
		}
		p.placeholders = append(p.placeholders, strings.ToLower(value))
		p.placeholderLengths |= 1 << len(value)
	}
	return errors.Join(faults...)
}

// Governs reports whether fields of this name are under the policy, by their name
// or by one that some upstreams read as such (Likeness). None of them is shown,
// or passes in a trailer.
func (p *Policy) Governs(name []byte) bool { return p.find(name) != absent }

// Takes reports whether a line of a head is under the policy. The caller never
// copies such a line: AppendFields writes what goes upstream. Of the subprotocols
// it takes the lines that hold a key.
func (p *Policy) Takes(line *Field) bool {
	at := p.find(line.Name)
	return at != absent && (at != p.subprotocol || holdsKey(line.Value))
}

// What find returns where no field has exactly this name.
const (
	absent = -1
	// neighbour: some upstreams read the name as that of a governed field.
	neighbour = -2
)

// find returns the index in names of a field, absent or neighbour. The length
// decides for nearly every field of a head.
func (p *Policy) find(name []byte) int {
	if p.lengths&(1<<uint(len(name))) == 0 {
		return absent
	}
	return lookup(p.names, name)
}

func lookup(places []place, name []byte) int {
	found := absent
	for i := range places {
		if equalFold(name, places[i].lower) {
			return i
		}
		if len(name) == len(places[i].lower) && Compare(name, places[i].lower) == Neighbour {
			found = neighbour
		}
	}
	return found
}
