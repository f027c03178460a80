// Package identity says who may pass: with which token, as which client. It puts its
// parts together for the data path: policies and their issuers' keys, what has been seen
// before, the edge's own keys.
//
//	guard := identity.NewGuard(issuer.Options{})
//	policy, err := guard.Policy("staff", options, nil)
//	gate := &identity.Gate{Route: "openai", Policies: []*identity.Policy{policy}}
//
// What a gate says at once is said on the event loop and allocates nothing: Judge. What
// costs or may wait is done beside it: Work.Do.
package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/identity/seen"
	"github.com/apim-edge/apim-edge/internal/identity/token"
)

// Guard is what all gates have in common. It may be used from anywhere.
type Guard struct {
	sources *issuer.Registry
	options issuer.Options
	slots   chan struct{} // held while a token is verified
	queue   atomic.Int64  // of those who wait for one
	senders senders
	hash    [32]byte // keys the hashes of callers

	// Fresh and Repeated count tokens that were verified and that were known.
	Fresh, Repeated atomic.Int64
}

// maxQueue bounds how many tokens wait to be verified: a second's worth, about.
const maxQueue = 4096

// NewGuard returns a guard without policies.
func NewGuard(o issuer.Options) *Guard {
	g := &Guard{sources: issuer.NewRegistry(o), options: o, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)))}
	rand.Read(g.hash[:]) // it does not fail (crypto/rand)
	return g
}

// Sources returns where keys come from.
func (g *Guard) Sources() *issuer.Registry { return g.sources }

// Policy is one token policy in use, with the keys that belong to it.
type Policy struct {
	*token.Policy
	guard   *Guard
	sources []*issuer.Source // never changes: who waits beside the loop reads it
	keep    []string         // claims that some route tells the upstream
	id      seen.Policy
	header  string // in lower case; empty: Authorization, or the query
	query   string // in lower case; empty: a field
}

// Policy compiles a policy, and begins to fetch its keys. keep are the claims that
// verdicts keep. Release gives it back.
func (g *Guard) Policy(name string, o token.Options, keep []string) (*Policy, error) {
	opening, err := g.options.ReadDecryption(o.DecryptionKeys)
	if err != nil {
		return nil, err
	}
	compiled, err := token.New(name, o, opening...)
	if err != nil {
		return nil, err
	}
	p := &Policy{Policy: compiled, guard: g, keep: keep, query: strings.ToLower(compiled.Options.Query)}
	if lower := strings.ToLower(compiled.Options.Header); lower != "authorization" {
		p.header = lower
	}
	p.id = sha256.Sum256(fmt.Appendf(nil, "%x %q", compiled.ID(), keep))
	for _, place := range compiled.Places() {
		s, err := g.sources.Acquire(place)
		if err != nil {
			g.Release(p)
			return nil, fmt.Errorf("%s: %w", place.Ref, err)
		}
		p.sources = append(p.sources, s)
	}
	return p, nil
}

// Release gives a policy back, once. Tokens that are judged by it at that moment go on
// with the keys that it had: the sources stay where they are.
func (g *Guard) Release(p *Policy) {
	for _, s := range p.sources {
		g.sources.Release(s)
	}
}

func (p *Policy) sets() []*keyset.Set {
	sets := make([]*keyset.Set, len(p.sources))
	for i, s := range p.sources {
		sets[i] = s.Keys()
	}
	return sets
}

// Verdict is what one policy says of a token: one of the two is set.
type Verdict struct {
	Passed  *Passed
	Refusal *token.Refusal
}

// verify judges a token that has not been seen. It waits for a key that may be new, and
// for its turn.
func (p *Policy) verify(ctx context.Context, text string, from netip.Addr) Verdict {
	for first := true; ; first = false {
		v := p.examine(ctx, text, from)
		r := v.Refusal
		if r == nil || r.Unknown == nil || !first {
			return v
		}
		if !p.guard.senders.may(from, time.Now()) {
			return Verdict{Refusal: tooMany(token.Key)}
		}
		if !p.await(ctx, r.Unknown) {
			p.guard.senders.count(from, time.Now())
			return v
		}
	}
}

// await asks the sources for a key.
func (p *Policy) await(ctx context.Context, key *token.UnknownKey) bool {
	for _, i := range key.Places {
		if p.sources[i].Await(ctx, key.ID) {
			return true
		}
	}
	return false
}

// examine verifies once, when a processor is free for it.
func (p *Policy) examine(ctx context.Context, text string, from netip.Addr) (v Verdict) {
	g := p.guard
	if g.queue.Add(1) > maxQueue {
		g.queue.Add(-1)
		return Verdict{Refusal: overloaded}
	}
	select {
	case g.slots <- struct{}{}:
		g.queue.Add(-1)
	case <-ctx.Done():
		g.queue.Add(-1)
		return Verdict{Refusal: overloaded}
	}
	defer func() { <-g.slots }()
	defer func() {
		if recover() != nil { // a parser that nobody knows well must not end the process
			v = Verdict{Refusal: &token.Refusal{Code: edgeerr.Internal, Check: token.Form, Text: edgeerr.Internal.Meaning()}}
		}
	}()
	now := time.Now()
	g.Fresh.Add(1)
	if token.IsEncrypted(text) && !g.senders.may(from, now) {
		return Verdict{Refusal: tooMany(token.Encryption)}
	}
	verified, refusal := p.Verify(text, now, p.sets())
	if refusal != nil {
		if refusal.Costly {
			g.senders.count(from, now)
		}
		return Verdict{Refusal: refusal}
	}
	return Verdict{Passed: p.passed(verified)}
}

var overloaded = &token.Refusal{Code: edgeerr.EdgeOverloaded, Check: token.Signature, Text: "too many new tokens at a time; wait and repeat"}

func tooMany(c token.Check) *token.Refusal {
	return &token.Refusal{Code: edgeerr.EdgeOverloaded, Check: c, Text: "too many tokens from this address were refused behind much work; wait and repeat"}
}

// Passed is what of a token that has passed is kept.
type Passed struct {
	// Policy is the one that it has passed.
	Policy string
	Caller Caller

	expires time.Time
	key     *keyset.Key
	values  map[string]string // claims for the upstream, as they stand in a field
}

// Caller is who calls, without saying it.
type Caller struct {
	// Hash is keyed, and the same for one caller while the edge runs.
	Hash [16]byte
	// Person is the same for one caller in every edge, and not keyed: it is not to be told
	// or written anywhere as it is.
	Person [32]byte
	// Application is the id of the application that has got the token; empty: unknown.
	Application string
}

func (p *Policy) passed(v *token.Verified) *Passed {
	out := &Passed{Policy: p.Name, expires: v.Expires, key: v.Key, values: map[string]string{}}
	for _, claim := range p.keep {
		if text := fieldValue(v.Values(claim)); text != "" {
			out.values[claim] = text
		}
	}
	who := v.Text("oid") // in Entra's tokens sub differs from one application to the other
	if who == "" {
		who = v.Text("sub")
	}
	out.Caller.Application = v.Application()
	out.Caller.Person = sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", v.Text("iss"), v.Text("tid"), who, out.Caller.Application))
	mac := hmac.New(sha256.New, p.guard.hash[:])
	mac.Write(out.Caller.Person[:])
	copy(out.Caller.Hash[:], mac.Sum(nil))
	return out
}

// ValidAt implements seen.Verdict.
func (p *Passed) ValidAt(now time.Time) bool {
	return !p.key.Gone() && (p.expires.IsZero() || now.Unix() < p.expires.Unix())
}

// refused is a refusal that is remembered. It holds as long as it is remembered.
type refused struct{ *token.Refusal }

// ValidAt implements seen.Verdict.
func (refused) ValidAt(time.Time) bool { return true }

// Cache is what one event loop remembers of tokens. Refusals have a room of their own, so
// that garbage drives out nothing good.
type Cache struct {
	passed  *seen.Cache[*Passed]
	refused *seen.Cache[refused]
}

// What is remembered, per loop: some 4,000 tokens of Entra, and for how long (DESIGN 10).
// A refusal is kept for a moment only: its reason may end.
const (
	passedBytes, passedLife   = 8 << 20, 5 * time.Minute
	refusedBytes, refusedLife = 1 << 20, 2 * time.Second
)

// NewCache returns an empty cache.
func NewCache() *Cache {
	return &Cache{seen.New[*Passed](passedBytes, passedLife), seen.New[refused](refusedBytes, refusedLife)}
}

func (c *Cache) get(p *Policy, text []byte, now time.Time) (Verdict, bool) {
	if v, ok := c.passed.Get(&p.id, text, now); ok {
		return Verdict{Passed: v}, true
	}
	if v, ok := c.refused.Get(&p.id, text, now); ok {
		return Verdict{Refusal: v.Refusal}, true
	}
	return Verdict{}, false
}

func (c *Cache) put(p *Policy, text string, v Verdict, now time.Time) {
	switch r := v.Refusal; {
	case v.Passed != nil:
		c.passed.Put(&p.id, text, v.Passed, now)
	case r.Unknown == nil && r.Code.Status() < 500: // what may be otherwise in a moment is asked again
		c.refused.Put(&p.id, text, refused{r}, now)
	}
}
