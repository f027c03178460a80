package token

import (
	"slices"
	"strings"
	"time"
)

// Options are what a policy says, in the words of the configuration. The zero value is
// no policy: audiences and an issuer have to be named.
type Options struct {
	// TenantID is an Entra tenant: keys and issuers follow from it. It is the tenant's
	// id, or organizations for every tenant.
	TenantID string
	// Tenants narrow organizations. Empty: everybody's.
	Tenants []string
	// Cloud is the one that the tenant lives in. Empty: public.
	Cloud string
	// OpenIDConfigs are the URLs of the metadata of other issuers.
	OpenIDConfigs []string
	// Issuers are the values of iss that pass. Empty: what the metadata says.
	Issuers []string
	// SigningKeys are references of JWKS or PEM, beside or instead of metadata.
	SigningKeys []string
	// DecryptionKeys are references of JWK sets or PEM. Empty: no token may be encrypted.
	DecryptionKeys []string
	// Audiences are the values of aud of which a token has to have one.
	Audiences []string
	// ClientApplicationIDs are the values of azp and appid that pass. Empty: any.
	ClientApplicationIDs []string
	// RequiredClaims are what a token has to say besides, by the name of the claim.
	RequiredClaims map[string]Claim
	// Algorithms that a signature may have. Nil: RS256, and for other issuers than
	// Entra ES256 as well.
	Algorithms []string
	// ClockSkew is how far the clocks of issuer and edge may be apart. 0 is none.
	ClockSkew time.Duration
	// AllowNoExpiration accepts a token without exp.
	AllowNoExpiration bool
	// Header is the field that the token stands in. Empty: Authorization.
	Header string
	// Query is the parameter that the token stands in, instead of a field.
	Query string
	// FailedStatus and FailedMessage replace status and text of what is refused.
	FailedStatus  int
	FailedMessage string
}

// Claim is what one claim has to say.
type Claim struct {
	// Values that are wanted. Empty: the claim has to be there.
	Values []string
	// Match says how many of them: any or all. Empty: any.
	Match string
	// Separator splits a text into values. Empty: a blank for scp and scope, which are
	// lists by their definition, else none.
	Separator string
}

const (
	organizations = "organizations"
	matchAny      = "any"
	matchAll      = "all"

	// DefaultClockSkew is what the configuration fills in.
	DefaultClockSkew = 30 * time.Second
)

// algorithms are those that may be listed. The symmetric ones are not: who can verify
// could sign.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Complete returns the options with the default of everything that they leave open.
func (o Options) Complete() Options {
	if o.Cloud == "" && o.TenantID != "" {
		o.Cloud = "public"
	}
	if o.Algorithms == nil {
		o.Algorithms = []string{"RS256", "ES256"}
		if o.TenantID != "" {
			o.Algorithms = []string{"RS256"} // Entra signs by no other
		}
	}
	if o.Header == "" && o.Query == "" {
		o.Header = "Authorization"
	}
	if o.FailedStatus == 0 {
		o.FailedStatus = 401
	}
	o.TenantID = strings.ToLower(o.TenantID)
	o.Tenants = slices.Clone(o.Tenants)
	for i, t := range o.Tenants {
		o.Tenants[i] = strings.ToLower(t)
	}
	claims := map[string]Claim{}
	for name, c := range o.RequiredClaims {
		claims[name] = c.complete(name)
	}
	o.RequiredClaims = claims
	return o
}

func (c Claim) complete(name string) Claim {
	if c.Match == "" {
		c.Match = matchAny
	}
	if c.Separator == "" && (name == "scp" || name == "scope") { // RFC 8693 section 4.2
		c.Separator = " "
	}
	return c
}
