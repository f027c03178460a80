package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/rewrite"
)

// identity checks who may pass.
func (v *checker) identity() {
	for _, name := range slices.Sorted(maps.Keys(v.config.TokenPolicies)) {
		v.tokenPolicy(option.Child("token_policies", name), v.config.TokenPolicies[name])
	}
	for _, f := range clientkey.Faults(v.config.ClientOptions()) {
		v.option("clients", f)
	}
	for _, name := range slices.Sorted(maps.Keys(v.config.Clients)) {
		v.client(option.Child("clients", name), v.config.Clients[name])
	}
	for _, name := range slices.Sorted(maps.Keys(v.config.Routes)) {
		v.require(option.Child("routes", name), v.config.Routes[name])
	}
}

func (v *checker) client(key string, c Client) {
	for i, route := range c.Routes {
		if r, known := v.config.Routes[route]; !known {
			v.unknown(option.Element(option.Child(key, "routes"), i), "route", route, slices.Sorted(maps.Keys(v.config.Routes)))
		} else if !r.Require.Client {
			v.fault(option.Element(option.Child(key, "routes"), i), option.Show(route), "this route does not ask for clients; write require: {client: true} there", "")
		}
	}
	if c.UpstreamKey != "" {
		v.fault(option.Child(key, "upstream_key"), "", referenceFault(c.UpstreamKey), "")
	}
}

func (v *checker) require(key string, r Route) {
	require := option.Child(key, "require")
	known := slices.Sorted(maps.Keys(v.config.TokenPolicies))
	for i, name := range r.Require.Token {
		if _, ok := v.config.TokenPolicies[name]; !ok {
			v.unknown(option.Element(option.Child(require, "token"), i), "token policy", name, known)
		}
	}
	if r.Require.Client && len(v.config.Clients) == 0 {
		v.fault(option.Child(require, "client"), "true", "there are no clients, so that nobody could pass; add one with apim-edge key new", "")
	}
	if r.Require.Client && r.Credential.KeepAuthorization {
		v.fault(option.Child(option.Child(key, "credential"), "keep_authorization"), "true", "this would send a client's key of apim-edge to the upstream (require.client)", "")
	}
	if r.Require.Match == "all" && (len(r.Require.Token) == 0 || !r.Require.Client) {
		v.fault(option.Child(require, "match"), "all", "this asks for a token and a client's key, of which one is not asked for", "any")
	}
	v.addresses(option.Child(require, "addresses"), r.Require.Addresses)
	v.headers(option.Child(require, "headers"), r)
	v.forwardClaims(option.Child(key, "forward_claims"), r)
}

// keyFiles reads the keys of a policy that are on this machine.
func (v *checker) keyFiles(key string, p TokenPolicy) {
	for i, ref := range p.SigningKeys {
		v.keys(option.Element(option.Child(key, "signing_keys"), i), ref, func(data []byte) error {
			_, _, err := keyset.Parse(data)
			return err
		})
	}
	for i, ref := range p.DecryptionKeys {
		v.keys(option.Element(option.Child(key, "decryption_keys"), i), ref, func(data []byte) error {
			_, err := keyset.ParseDecryption(data)
			return err
		})
	}
}

func (v *checker) keys(key, ref string, parse func([]byte) error) {
	source, err := secret.Parse(ref)
	if err != nil {
		return // a URL, which only --online asks, or a mistake that is told
	}
	value, err := source.Current()
	if err == nil {
		err = parse([]byte(value.Reveal()))
	}
	if err != nil && !IsVaulted(err) {
		v.fault(key, "", "the keys cannot be read: "+err.Error(), "")
	}
}

// Claims that people, and not the tenant, can choose or change
// (MicrosoftDocs/entra-docs: claims-validation.md).
var notToAuthorise = []string{"email", "upn", "preferred_username", "unique_name", "name"}

// identityWarnings tells of what is allowed, and probably not meant.
func (v *checker) identityWarnings() {
	asked := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(v.config.Routes)) {
		r := v.config.Routes[name]
		for _, policy := range r.Require.Token {
			asked[policy] = true
		}
		v.addressWarnings(option.Child(option.Child(option.Child("routes", name), "require"), "addresses"), r.Require.Addresses)
		if len(r.ForwardClaims) > 0 && len(r.Require.Token) == 0 {
			v.fault(option.Child(option.Child("routes", name), "forward_claims"), "", "no token is asked for (require.token), so that these fields are only dropped", "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.config.TokenPolicies)) {
		key, p := option.Child("token_policies", name), v.config.TokenPolicies[name]
		if !asked[name] {
			v.fault(key, "", "no route asks for this policy", "")
		}
		for i, a := range p.Audiences {
			if strings.Contains(a, ".azure.com") {
				v.fault(option.Element(option.Child(key, "audiences"), i), option.Show(a), "this is an API of Azure's own: a token that somebody got for it, for another purpose, passes here as well", "")
			}
		}
		for _, claim := range notToAuthorise {
			if _, used := p.RequiredClaims[claim]; used {
				v.fault(option.Child(option.Child(key, "required_claims"), claim), "", "this claim can be changed by people, and says nothing of their rights; use roles, scp, groups or oid", "")
			}
		}
	}
}

// unknown reports a name of which others are known.
func (v *checker) unknown(key, kind, name string, known []string) {
	at := v.at(key)
	p := Problem{File: at.file, Line: at.line, Key: key, Found: name, Allowed: oneOf(known)}
	p.Text = "no " + kind + " named " + option.Show(name)
	switch meant := nearest(name, known); {
	case meant != "":
		p.Text += didYouMean(meant)
	case len(known) > 0:
		p.Text += "; there is " + strings.Join(known, ", ")
	default:
		p.Text += "; there is none"
	}
	v.problems = append(v.problems, p)
}

// forwardClaims refuses fields that are somebody else's, or that some servers read as
// such: the upstream would take a claim for what the edge or a proxy says.
func (v *checker) forwardClaims(key string, r Route) {
	governed := v.governed(r)
	taken := map[string]string{}
	for _, claim := range slices.Sorted(maps.Keys(r.ForwardClaims)) {
		field := r.ForwardClaims[claim]
		lower, at := strings.ToLower(field), option.Child(key, claim)
		if !freeName(claim) {
			v.wrong(at, option.Show(claim), freeNameWanted, "")
		}
		switch fault := rewrite.FieldFault(field); {
		case fault != "":
			v.fault(at, option.Show(field), fault, "")
		case alike(field, governed):
			v.fault(at, option.Show(field), "this field has the credential", "")
		case taken[lower] != "":
			v.fault(at, option.Show(field), "the claim "+taken[lower]+" goes into this field", "")
		}
		taken[lower] = claim
	}
}
