package rewrite

import (
	"bytes"
	"fmt"
	"io"
)

// Decision says what goes upstream in place of the governed field lines of one
// request. Its slices alias what was given to Decide.
type Decision struct {
	// Key goes into the target field; nil: no such field is sent. It is a
	// subscription key, or a token from the query that has to be kept.
	Key []byte
	// Token goes upstream as "Authorization: Bearer <Token>"; nil: none. It is a
	// token, or the key again where both fields are wanted and the client's own
	// line cannot go on, because its scheme stood there twice.
	Token []byte
	// Problem says why the request is refused; zero where it is not.
	Problem Problem
	Reason  Reason
	Notes   Notes
	// KeepAuthorization: the client's Authorization line goes on as it is.
	KeepAuthorization bool
	// KeepSlot: the line that holds a token in the key's place goes on as it is.
	KeepSlot bool

	slot   int8   // the place of that line
	target int32  // the number of the target field's line, from 1; 0: absent
	bearer []byte // the token of a line that goes on as it is
}

// BearerToken returns the token that goes upstream in Authorization, whoever writes the
// line, or nil.
func (d *Decision) BearerToken() []byte {
	if d.Token != nil {
		return d.Token
	}
	return d.bearer
}

// Rejected reports whether the request is refused. Nothing goes upstream then.
func (d *Decision) Rejected() bool { return d.Problem.fault != faultNone }

// String returns the text of the reason. Decisions hold secrets: String, Format
// and MarshalText see to it that none is printed, whatever the verb.
func (d Decision) String() string { return d.Reason.String() }

// Format writes the text of the reason.
func (d Decision) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// MarshalText returns the text of the reason.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// reject refuses the request. The first problem stays: the places are read in
// the order of precedence, so that the message does not depend on chance.
func (d *Decision) reject(problem Problem) {
	if !d.Rejected() {
		d.Problem = problem
	}
}

// credential is what one place of a request holds.
type credential struct {
	value []byte // bare: without Bearer
	kind  kind
	// doubled: the value stood after "Bearer Bearer", which is not sent on.
	doubled bool
	place   int8 // index in Policy.names; inQuery + n for Policy.params[n]; inSubprotocol
}

const (
	// inQuery is the first place that stands for a query parameter.
	inQuery = maxNames
	// inSubprotocol stands behind all others, and loses to them.
	inSubprotocol = inQuery + maxNames
)

func (c *credential) present() bool { return c.kind == kindKey || c.kind == kindToken }

// slot is what the key slot holds: the target field, the aliases and the query
// together. A key and a token in it are no conflict, they are two kinds:
// openai-python 2.33 sends a token as Authorization and as api-key, and the
// key that its user added in Ocp-Apim-Subscription-Key must not be lost.
type slot struct{ key, token credential }

// lines holds, for each governed field, the number of its line in the head
// counted from 1; 0: the field is absent.
type lines [maxNames + 1]int32

// Decide says what becomes of the credentials of a request with these fields
// and this raw query (without the question mark). It allocates nothing, save
// for a percent-decoded key from the query and for a token whose header is
// unusually long or nested.
func (p *Policy) Decide(fields []Field, query []byte) Decision {
	var d Decision
	p.decide(&d, fields, query)
	if d.Rejected() {
		return Decision{Reason: d.Problem.reason(), Problem: d.Problem, Notes: d.Notes}
	}
	return d
}

func (p *Policy) decide(d *Decision, fields []Field, query []byte) {
	var at lines
	p.locate(d, fields, &at)
	if d.Rejected() {
		return
	}
	d.target = at[p.target]
	var s slot
	auth := p.readAuthorization(d, fields, &at)
	p.readFields(d, &s, fields, &at)
	if len(query) > 0 && len(p.params) > 0 {
		p.readQuery(d, &s, query)
	}
	if first := at[p.subprotocol]; first != 0 {
		p.readSubprotocol(d, &auth, &s, fields[first-1:])
	}
	switch {
	case d.Rejected():
	case p.target == authorizationPlace:
		p.decideShared(d, &auth, &s)
	default:
		p.decideApart(d, &auth, &s)
	}
}

// locate finds the governed lines. A second line of one field is refused even
// if it repeats the first: upstream would join them with a comma (RFC 9110
// section 5.3), or take whichever it likes.
func (p *Policy) locate(d *Decision, fields []Field, at *lines) {
	repeated := maxNames
	for i := range fields {
		found := p.find(fields[i].Name)
		if found < 0 {
			if found == neighbour {
				d.Notes |= NeighbourDropped
			}
			continue
		}
		if at[found] != 0 {
			if found == p.subprotocol {
				continue // a list may stand on several lines
			}
			repeated = min(repeated, found)
			continue
		}
		at[found] = int32(i) + 1
	}
	if repeated < maxNames {
		d.reject(Problem{fault: faultSeveralLines, place: p.names[repeated].text})
	}
}

func (p *Policy) readAuthorization(d *Decision, fields []Field, at *lines) credential {
	line := at[authorizationPlace]
	if line == 0 {
		return credential{}
	}
	c := credential{place: authorizationPlace}
	value := fields[line-1].Value
	bare, bearer := afterBearer(value)
	if bearer && len(value) <= maxValue {
		p.classify(d, &c, bare, afterScheme)
		return c
	}
	p.classifyOther(d, &c, value)
	return c
}

func (p *Policy) readFields(d *Decision, s *slot, fields []Field, at *lines) {
	for i := authorizationPlace + 1; i < p.subprotocol; i++ {
		if at[i] != 0 {
			p.readSlot(d, s, fields[at[i]-1].Value, int8(i))
		}
	}
}

// readSlot reads one place of the key slot. Of several values of one kind the
// first wins, as APIM, too, ignores the query where the header is present.
func (p *Policy) readSlot(d *Decision, s *slot, value []byte, at int8) {
	c := credential{place: at}
	bare, bearer := afterBearer(value)
	position := bareValue
	if bearer {
		d.Notes |= BearerInSlot
		position = afterScheme
	}
	if len(value) > maxValue {
		d.reject(Problem{fault: faultTooLong, place: p.text(at)})
		return
	}
	p.classify(d, &c, bare, position)
	switch c.kind {
	case kindKey:
		p.first(d, &s.key, &c, faultTwoKeys)
	case kindToken:
		p.first(d, &s.token, &c, faultTwoTokens)
	}
}

// first keeps c if no place before it held a credential of its kind.
func (p *Policy) first(d *Decision, kept, c *credential, conflict fault) {
	if !kept.present() {
		*kept = *c
		return
	}
	if !bytes.Equal(kept.value, c.value) {
		p.drop(d, conflict, kept, c)
	}
}

// drop counts a credential that loses against another one, or refuses the
// request where the operator asked for that.
func (p *Policy) drop(d *Decision, conflict fault, winner, loser *credential) {
	d.Notes |= ConflictDropped
	if p.rejectConflict {
		d.reject(Problem{fault: conflict, place: p.text(winner.place), other: p.text(loser.place)})
	}
}

// text returns the name of a place for messages.
func (p *Policy) text(at int8) string {
	switch {
	case at == inSubprotocol:
		return "the subprotocol " + keySubprotocol
	case at >= inQuery:
		return p.params[at-inQuery].text
	}
	return p.names[at].text
}
