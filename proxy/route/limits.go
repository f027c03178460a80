package route

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/admit"
)

// Store is what replicas share: where shares of a rate are lent, and the secret by which
// one caller has the same key in all of them.
type Store struct {
	Lender *admit.Lender
	Secret *[32]byte
}

// counts has what routes count with, for as long as a snapshot uses it: a reload that
// leaves a limit as it is leaves its counts as they are.
type counts struct {
	secret [32]byte // of an edge that counts for itself
	rates  pool[admit.Rate]
	crowds pool[admit.Crowd]
}

func newCounts() *counts {
	c := &counts{}
	rand.Read(c.secret[:]) // it does not fail (crypto/rand)
	return c
}

// A pool has values by what they are made of, each as long as somebody has taken it.
type pool[T any] struct {
	mu    sync.Mutex
	known map[string]*pooled[T]
}

type pooled[T any] struct {
	value *T
	users int
}

// take returns the value of a key, made if need be, and what gives it back.
func (p *pool[T]) take(key string, made func() *T) (v *T, give func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.known[key]
	if of == nil {
		of = &pooled[T]{value: made()}
		if p.known == nil {
			p.known = map[string]*pooled[T]{}
		}
		p.known[key] = of
	}
	of.users++
	return of.value, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if of.users--; of.users == 0 {
			delete(p.known, key)
		}
	}
}

// limiting compiles the limits of all routes of one configuration.
type limiting struct {
	counts *counts
	store  Store
	given  []func() // each gives back what was taken
}

// limiting opens the store that replicas share, if there is one, and limits of routes
// that it is for.
func (g *Registry) limiting(conf config.Config) (*limiting, error) {
	l := &limiting{counts: g.counts, store: Store{Secret: &g.counts.secret}}
	counted := false
	for _, r := range conf.Routes {
		counted = counted || r.Limits.Requests != ""
	}
	if !counted || conf.Shared.Redis == "" || g.OpenStore == nil {
		return l, nil
	}
	store, stop, err := g.OpenStore(conf.Shared)
	if err != nil {
		return l, err
	}
	l.store, l.given = store, []func(){stop}
	return l, nil
}

var per = map[string]admit.Per{"credential": admit.PerCredential, "route": admit.PerRoute, "address": admit.PerAddress}

// limit returns the limits of a route, or nil. What is counted with is new where it is
// counted in another way. How many may run at a time is none: those that run stay
// counted.
func (l *limiting) limit(name string, r config.RouteLimits) *admit.Limit {
	if !r.Set() {
		return nil
	}
	key := config.Key("routes", name, "limits")
	out := &admit.Limit{
		Gates: admit.Gates{Requests: config.Key(key, "requests"), Concurrent: config.Key(key, "concurrent")},
		Per:   per[r.Per], Secret: l.store.Secret, Told: "the limit of this route is " + r.Text(),
	}
	common := name + ":" + r.Per
	if r.Concurrent > 0 {
		var give func()
		out.Crowd, give = l.counts.crowds.take(fmt.Sprintf("%s %x", common, *l.store.Secret), func() *admit.Crowd { return &admit.Crowd{} })
		out.Most, l.given = r.Concurrent, append(l.given, give)
	}
	if rate, ok := config.ParseRate(r.Requests); ok {
		// The counts in the store have the rule in their name, too: replicas with another
		// one, as in the middle of a rollout, do not mix theirs with these.
		rule := common + ":" + r.Requests + ":" + strconv.Itoa(r.Burst)
		var give func()
		out.Rate, give = l.counts.rates.take(fmt.Sprintf("%s %p %x", rule, l.store.Lender, *l.store.Secret), func() *admit.Rate {
			return admit.NewRate(rule, rate.Every(), r.Burst, out.Per != admit.PerRoute, l.store.Lender)
		})
		l.given = append(l.given, give)
	}
	return out
}
