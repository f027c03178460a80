package config

import (
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/option"
)

// What token policies and clients say are options of internal/identity: here is the one
// place that maps keys of the configuration to them.

// Options returns the policy.
func (p TokenPolicy) Options() token.Options {
	o := token.Options{
		TenantID: p.TenantID, Tenants: p.Tenants, Cloud: p.Cloud, OpenIDConfigs: p.OpenIDConfigs, Issuers: p.Issuers,
		SigningKeys: p.SigningKeys, DecryptionKeys: p.DecryptionKeys, Audiences: p.Audiences,
		ClientApplicationIDs: p.ClientApplicationIDs, RequiredClaims: map[string]token.Claim{},
		ClockSkew: p.ClockSkew.Duration, AllowNoExpiration: !p.RequireExpiration,
		Header: p.Header, Query: p.Query, FailedStatus: p.Failed.Status, FailedMessage: p.Failed.Message,
	}
	if len(p.Algorithms) > 0 { // a list that is empty is the default: nothing could be verified by none
		o.Algorithms = p.Algorithms
	}
	for name, c := range p.RequiredClaims {
		o.RequiredClaims[name] = token.Claim(c)
	}
	return o
}

func (p TokenPolicy) complete() TokenPolicy {
	o := p.Options().Complete()
	p.TenantID, p.Tenants, p.Cloud, p.Algorithms = o.TenantID, o.Tenants, o.Cloud, o.Algorithms
	p.Header, p.Failed.Status = o.Header, o.FailedStatus
	p.RequiredClaims = map[string]RequiredClaim{}
	for name, c := range o.RequiredClaims {
		p.RequiredClaims[name] = RequiredClaim(c)
	}
	return p
}

// ClientOptions returns what holds for clients.
func (c Config) ClientOptions() map[string]clientkey.Options {
	all := map[string]clientkey.Options{}
	for name, client := range c.Clients {
		all[name] = clientkey.Options{Keys: client.Keys, Expires: client.Expires, Routes: client.Routes}
	}
	return all
}

func (v *checker) tokenPolicy(key string, p TokenPolicy) {
	for _, f := range p.Options().Faults() {
		v.option(key, f)
	}
	for i, ref := range p.SigningKeys {
		v.fault(option.Element(option.Child(key, "signing_keys"), i), "", keysFault(ref), "")
	}
	for i, ref := range p.DecryptionKeys {
		v.fault(option.Element(option.Child(key, "decryption_keys"), i), "", referenceFault(ref), "")
	}
}

// keysFault is for keys that stand behind a URL or a reference. What is a URL is
// checked by whom it belongs to.
func keysFault(ref string) string {
	if token.IsURL(ref) {
		return ""
	}
	return referenceFault(ref)
}
