package token

import (
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// examination is one token on its way through the checks. Each finds what those before
// it have left.
type examination struct {
	p         *Policy
	text      string
	now       time.Time
	available []*keyset.Set // as Policy.Places; nil: never had

	encrypted bool
	opened    bool   // which anybody can have done who has the public key
	jws       string // the text, or what was inside it
	signed    string // the part of it that is the payload
	alg, kid  string
	claims    object
	tenant    string // of a token of any tenant
	expires   time.Time
	sets      []*keyset.Set
	places    []int // where the sets are from
	missing   bool  // a set that the key may be in has never been had
	keys      []*keyset.Key
	used      *keyset.Key
}

// examine is every check in order: what costs least comes first, but nothing that says
// what a token is allowed before it is known to be genuine.
var examine = [checks]func(*examination) *Refusal{
	Form:        (*examination).form,
	Encryption:  (*examination).encryption,
	Header:      (*examination).header,
	Payload:     (*examination).payload,
	Issuer:      (*examination).issuer,
	Expiration:  (*examination).expiration,
	NotBefore:   (*examination).notBefore,
	Audience:    (*examination).audience,
	Key:         (*examination).key,
	Signature:   (*examination).signature,
	Application: (*examination).application,
	Claims:      (*examination).required,
}

// Verify runs every check, and returns what the token says or why it does not pass. sets
// are the keys at p.Places, nil where a place has never been reached. It is the one way
// in which a token is believed.
func (p *Policy) Verify(text string, now time.Time, sets []*keyset.Set) (*Verified, *Refusal) {
	x := &examination{p: p, text: text, now: now, available: sets}
	for _, check := range examine {
		if r := check(x); r != nil {
			r.Costly = r.Costly || x.opened && r.Code != edgeerr.KeysUnavailable
			return nil, r
		}
	}
	return x.verified(), nil
}

// signature tries each key. A library's words about a token are not repeated.
func (x *examination) signature() *Refusal {
	s, err := jose.ParseSignedCompact(x.jws, x.p.algorithms)
	if err != nil {
		return refuse(Signature, "the token cannot be read as a signed one")
	}
	for _, k := range x.keys {
		if _, err := s.Verify(k.Public); err == nil {
			x.used = k
			return nil
		}
	}
	return refuse(Signature, "the signature of the token is not the issuer's")
}

// Verified is what a token that has passed says.
type Verified struct {
	// Policy is the one that it has passed.
	Policy *Policy
	// Expires is when it has to be refused; zero: it says nothing of that.
	Expires time.Time
	// Key has signed it. When the key is gone, so is this.
	Key *keyset.Key

	claims object
}

func (x *examination) verified() *Verified {
	return &Verified{Policy: x.p, Expires: x.expires, Key: x.used, claims: x.claims}
}

// ValidAt reports whether it still is: of a verdict that was kept.
func (v *Verified) ValidAt(now time.Time) bool {
	return !v.Key.Gone() && (v.Expires.IsZero() || now.Unix() < v.Expires.Unix())
}

// Text returns a claim that is a text, or "".
func (v *Verified) Text(name string) string {
	s, _ := v.claims.text(name)
	return s
}

// Values returns what a claim says, in one list.
func (v *Verified) Values(name string) []string {
	list, _ := values(v.claims[name], "")
	return list
}

// Application returns the id of the application that has got the token, or "".
func (v *Verified) Application() string {
	if app := v.Text("azp"); app != "" {
		return app
	}
	return v.Text("appid")
}

// A Finding is what one check came to.
type Finding struct {
	Check Check
	// Refusal is nil where the check is passed.
	Refusal *Refusal
	// Skipped: what the check needs is not there, since one before it has failed or is
	// skipped, or since the issuer's keys are not at hand: Unavailable.
	Skipped, Unavailable bool
}

// Explain runs every check that can be run, also behind one that has failed. Where it
// finds no refusal and nothing skipped, Verify passes.
func (p *Policy) Explain(text string, now time.Time, sets []*keyset.Set) (findings []Finding) {
	x := &examination{p: p, text: text, now: now, available: sets}
	for i, check := range examine {
		f := Finding{Check: Check(i)}
		if f.Skipped = !x.ready(f.Check, findings); !f.Skipped {
			f.Refusal = check(x)
			if r := f.Refusal; r != nil && r.Code == edgeerr.KeysUnavailable {
				f.Refusal, f.Skipped, f.Unavailable = nil, true, true
			}
		}
		findings = append(findings, f)
	}
	return findings
}

// ready reports whether there is what a check needs.
func (x *examination) ready(c Check, before []Finding) bool {
	passed := func(c Check) bool { return before[c].Refusal == nil && !before[c].Skipped }
	switch {
	case c == Form:
		return true
	case c <= Payload:
		return passed(c - 1)
	case c == Key:
		return passed(Issuer)
	case c == Signature:
		return passed(Key)
	}
	return passed(Payload)
}
