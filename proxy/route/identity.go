package route

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/head"
)

// gates compiles who may pass, for all routes of one configuration.
type gates struct {
	guard    *identity.Guard
	conf     *config.Config
	policies map[string]*identity.Policy // by name, as routes ask for them
	clients  *identity.Clients           // nil until a route asks for them
}

// gate returns what a route asks for, or nil where that is nothing. An error belongs to
// a key.
func (g *gates) gate(name string, r config.Route) (gate *identity.Gate, key []string, err error) {
	if len(r.Require.Token) == 0 && !r.Require.Client {
		return nil, nil, nil
	}
	gate = &identity.Gate{Route: name, All: r.Require.Match == "all"}
	for _, policy := range r.Require.Token {
		p, err := g.policy(policy)
		if err != nil {
			return nil, []string{"token_policies", policy}, err
		}
		gate.Policies = append(gate.Policies, p)
	}
	if r.Require.Client {
		if key, err = g.compileClients(); err != nil {
			return nil, key, err
		}
		gate.Clients = g.clients
	}
	return gate, nil, nil
}

func (g *gates) policy(name string) (*identity.Policy, error) {
	if p := g.policies[name]; p != nil {
		return p, nil
	}
	p, err := g.guard.Policy(name, g.conf.TokenPolicies[name].Options(), g.forwarded(name))
	if err == nil {
		g.policies[name] = p
	}
	return p, err
}

// forwarded returns the claims that some route behind a policy tells its upstream.
func (g *gates) forwarded(policy string) []string {
	claims := map[string]bool{}
	for _, r := range g.conf.Routes {
		if slices.Contains(r.Require.Token, policy) {
			for claim := range r.ForwardClaims {
				claims[claim] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(claims))
}

// compileClients reads the keys for the upstreams for the first time.
func (g *gates) compileClients() (key []string, err error) {
	if g.clients != nil {
		return nil, nil
	}
	set, err := clientkey.New(g.conf.ClientOptions())
	if err != nil {
		return []string{"clients"}, err
	}
	keys := map[string]*identity.FieldValue{}
	for name, c := range g.conf.Clients {
		if c.UpstreamKey == "" {
			continue
		}
		source, err := secret.Parse(c.UpstreamKey)
		if err == nil {
			keys[name], err = identity.NewFieldValue(source)
		}
		if err != nil {
			return []string{"clients", name, "upstream_key"}, err
		}
	}
	g.clients = &identity.Clients{Set: set, UpstreamKeys: keys}
	return nil, nil
}

// used returns what has to be given back.
func (g *gates) used() []*identity.Policy { return slices.Collect(maps.Values(g.policies)) }

// claims returns the fields by which a route tells its upstream what a token says, nil for
// none.
func claims(r config.Route) *head.Claims {
	if len(r.ForwardClaims) == 0 {
		return nil
	}
	c := &head.Claims{}
	for _, claim := range slices.Sorted(maps.Keys(r.ForwardClaims)) {
		field := r.ForwardClaims[claim]
		c.Of, c.Fields, c.Names = append(c.Of, claim), append(c.Fields, field), append(c.Names, strings.ToLower(field))
	}
	return c
}

// addresses compiles from where clients may call.
func addresses(gate string, a config.Addresses) (*admit.Addresses, error) {
	allow, err := networks(a.Allow)
	if err != nil {
		return nil, err
	}
	deny, err := networks(a.Deny)
	return admit.NewAddresses(gate, allow, deny), err
}

// headers compiles the fields that a request must have, and reads their values for the
// first time. An error belongs to a key.
func headers(route string, require map[string]config.RequiredHeader) (all []*admit.Header, key []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(require)) {
		var values []admit.Value
		blind := false
		for _, ref := range require[name].Values {
			source, err := secret.Parse(ref)
			if err != nil {
				return nil, []string{"routes", route, "require", "headers", name, "values"}, err
			}
			value, err := identity.NewFieldValue(source)
			if err != nil {
				return nil, []string{"routes", route, "require", "headers", name, "values"}, err
			}
			blind = blind || value.Unread()
			values = append(values, value)
		}
		gate := config.Key("routes", route, "require", "headers", name)
		h := admit.NewHeader(gate, name, values, require[name].Values, require[name].IgnoreCase)
		h.Blind = blind
		all = append(all, h)
	}
	return all, nil, nil
}

func networks(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := config.ParseNetwork(text)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
