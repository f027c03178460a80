package identity

import (
	"context"
	"net/netip"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Gate is what one route asks for. It does not change.
type Gate struct {
	// Route is the name of the route.
	Route string
	// Policies are those of which a token has to pass one; none: no token is asked for.
	Policies []*Policy
	// Clients are those whose keys pass; nil: no key is asked for.
	Clients *Clients
	// All asks for a token and a key; else one of what is asked for is enough.
	All bool
}

// Clients are the clients with keys of the edge, and what the upstream is sent instead.
type Clients struct {
	*clientkey.Set
	// UpstreamKeys are by the name of the client; who is not there sends none.
	UpstreamKeys map[string]*FieldValue
}

// Request is what a gate looks at.
type Request struct {
	// Token and Key are what the credential rules have found; nil: nothing.
	Token, Key []byte
	// Fields and Query are the client's, for tokens in places of their own.
	Fields []rewrite.Field
	Query  []byte
}

// Outcome is what a gate says.
type Outcome struct {
	// Passed is the token that was asked for and has passed, or nil.
	Passed *Passed
	// Client is whose key it is, or nil. The key itself must not go upstream.
	Client *clientkey.Client
	// Admitted tells that the key is good here, and not only known: a token may let its
	// request in beside a key that has expired.
	Admitted bool
	// Code is edgeerr.None where the request may pass.
	Code edgeerr.Code
	// Check is the name of what has failed.
	Check string
	// Text is for the client. Status replaces that of the code; 0: it does not.
	Text   string
	Status int
}

// Err returns the error that ends the exchange, or nil.
func (o *Outcome) Err() error {
	if o.Code == edgeerr.None {
		return nil
	}
	return &edgeerr.Error{Code: o.Code, Message: o.Text, Status: o.Status, Err: failedCheck(o.Check)}
}

// failedCheck is what the log says of a refusal: the check that has failed.
type failedCheck string

// Error implements error.
func (c failedCheck) Error() string { return "check failed: " + string(c) }

// textOf returns the token as the policy wants it, or nil. Of two in one place nobody can
// say which one is meant: the one that is verified need not be the one that the upstream
// reads. That goes for other spellings of the place as well.
func (p *Policy) textOf(r *Request) []byte {
	switch {
	case p.query != "":
		return rewrite.SoleParameter(r.Query, p.query)
	case p.header == "":
		return r.Token
	}
	var found []byte
	lines := 0
	for i := range r.Fields {
		switch rewrite.Compare(r.Fields[i].Name, p.header) {
		case rewrite.Neighbour:
			return nil
		case rewrite.Equal:
			found = r.Fields[i].Value
			lines++
		}
	}
	if lines > 1 {
		return nil
	}
	return found
}

// Judge says what can be said at once. known are the verdicts of work that has been done
// for this request, nil before. Where more is needed, work is not nil.
func (g *Gate) Judge(c *Cache, r *Request, known []Verdict, now time.Time) (o Outcome, work *Work) {
	var refusal *token.Refusal
	var by *Policy
	there := false
	for i, p := range g.Policies {
		text := p.textOf(r)
		if text == nil {
			continue
		}
		there = true
		v, ok := Verdict{}, false
		if known != nil {
			v, ok = known[i], true
		} else {
			v, ok = c.get(p, text, now)
		}
		switch {
		case !ok:
			work = &Work{gate: g}
		case v.Passed != nil:
			o.Passed = v.Passed
			if known == nil {
				p.guard.Repeated.Add(1)
			}
		case refusal == nil || further(v.Refusal, refusal):
			refusal, by = v.Refusal, p
		}
		if o.Passed != nil {
			work = nil
			break
		}
	}
	if work != nil {
		work.take(r)
		return Outcome{}, work
	}
	g.client(&o, r, now)
	if g.suffices(&o) {
		o.Code, o.Check, o.Text = edgeerr.None, "", ""
		return o, nil
	}
	g.refuse(&o, r, there, refusal, by)
	return o, nil
}

// further reports whether a refusal tells more than another one: its token has come
// further, or its issuer may yet be reached.
func further(a, b *token.Refusal) bool {
	if a.Check == b.Check {
		return a.Code == edgeerr.KeysUnavailable
	}
	return a.Check > b.Check
}

// client judges the key where keys are asked for. Its verdict stands in o.
func (g *Gate) client(o *Outcome, r *Request, now time.Time) {
	if g.Clients == nil || r.Key == nil {
		return
	}
	v := g.Clients.Judge(r.Key, g.Route, now)
	o.Client, o.Code, o.Text = v.Client, v.Code, v.Text
	o.Admitted = v.Client != nil && v.Code == edgeerr.None
}

func (g *Gate) suffices(o *Outcome) bool {
	if g.All {
		return o.Passed != nil && o.Admitted
	}
	return o.Passed != nil || o.Admitted
}

// refuse fills in why: of the token first, if one was sent.
func (g *Gate) refuse(o *Outcome, r *Request, there bool, refusal *token.Refusal, by *Policy) {
	tokens := len(g.Policies) > 0
	switch {
	case refusal != nil:
		o.Code, o.Check, o.Text = refusal.Code, refusal.Check.String(), refusal.Text
		by.failed(o)
	case g.Clients != nil && r.Key != nil && o.Code != edgeerr.None:
		o.Check = "client"
	case tokens && !there && o.Passed == nil:
		g.missing(o, r)
	default:
		o.Code, o.Check, o.Text = edgeerr.CredentialMissing, "client", "the request has no key of a client and the route asks for one; send it as Authorization: Bearer <key>, or as api-key beside a token"
	}
}

// missing is for a request without a token where one is asked for.
func (g *Gate) missing(o *Outcome, r *Request) {
	o.Code, o.Check, o.Text = edgeerr.TokenMissing, "token", ""
	if r.Key != nil && !g.All {
		o.Code, o.Text = edgeerr.TokenInvalid, "the credential is a key, and this route asks for a token"
	}
	g.Policies[0].failed(o)
}

// failed has the policy's own words and status in place of the edge's.
func (p *Policy) failed(o *Outcome) {
	if o.Code.Status() == 401 && p.Options.FailedStatus != 401 {
		o.Status = p.Options.FailedStatus
	}
	if p.Options.FailedMessage != "" && o.Code.Status() < 500 {
		o.Text = p.Options.FailedMessage
	}
}

// UpstreamKey returns the key that goes upstream for a client, or nil.
func (g *Gate) UpstreamKey(c *clientkey.Client, now time.Time) []byte {
	if k := g.Clients.UpstreamKeys[c.Name]; k != nil {
		return k.Current(now)
	}
	return nil
}

// Work is what a gate has to do beside the loop for one request. It holds copies: the
// head of the request may be gone before it ends.
type Work struct {
	gate  *Gate
	texts []string // by policy; "": none

	// From is who has sent the tokens: what costs much and is refused is counted against
	// this address. It is wanted here, and not before: finding it may cost something.
	From netip.Addr
}

func (w *Work) take(r *Request) {
	for _, p := range w.gate.Policies {
		w.texts = append(w.texts, string(p.textOf(r)))
	}
}

// workTime bounds all of it: waiting for a key and for a processor.
const workTime = 10 * time.Second

// Do asks the policies, until one is passed.
func (w *Work) Do(ctx context.Context) []Verdict {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	verdicts := make([]Verdict, len(w.gate.Policies))
	for i, p := range w.gate.Policies {
		verdicts[i] = Verdict{Refusal: notAsked}
		if w.texts[i] == "" {
			continue
		}
		if verdicts[i] = p.verify(ctx, w.texts[i], w.From); verdicts[i].Passed != nil {
			for rest := i + 1; rest < len(verdicts); rest++ {
				verdicts[rest] = Verdict{Refusal: notAsked}
			}
			break
		}
	}
	return verdicts
}

// notAsked is of a policy that had no token, or that did not matter any more.
var notAsked = &token.Refusal{Code: edgeerr.TokenMissing, Check: token.Form}

// Remember keeps what Do has come to. It is called on the loop.
func (w *Work) Remember(c *Cache, verdicts []Verdict, now time.Time) {
	for i, v := range verdicts {
		if w.texts[i] != "" && v.Refusal != notAsked {
			c.put(w.gate.Policies[i], w.texts[i], v, now)
		}
	}
}
