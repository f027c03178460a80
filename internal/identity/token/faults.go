package token

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/option"
)

// The texts of faults.
const (
	wrongNoAudience  = "at least one audience is needed: without, a token for any other API of the issuer would pass"
	wrongGraph       = "tokens for Microsoft Graph can be verified by Graph alone; name the audience of an API of your own"
	wrongLine        = "the message has one line"
	wrongEmpty       = "an empty value would match a claim that says nothing"
	wrongTenants     = "tenants narrow tenant_id: organizations, which is not set"
	wrongCloud       = "the cloud is that of tenant_id, which is not set"
	wrongNobody      = "nobody is named whose tokens pass; set tenant_id, openid_configs or signing_keys"
	wrongNoIssuer    = "signing_keys have no metadata that says whose they are; name the issuer"
	wrongEverybody   = "this metadata names no issuer but all tenants; write tenant_id: organizations"
	wrongFollows     = "these follow from tenant_id; leave one of the two out"
	wantTenant       = "the tenant's id (a GUID), or organizations"
	wrongOneTenant   = "tenants narrow tenant_id: organizations; here is one tenant already"
	wantGUID         = "a tenant's id (a GUID)"
	wantCloud        = "public, usgovernment or china"
	wantURL          = "a URL, such as https://id.example.com/.well-known/openid-configuration"
	wrongURL         = "a URL here has no user name, password or fragment"
	wrongPlain       = "keys come over https:// only; http:// is for loopback"
	wrongNoAlgorithm = "no algorithm is left; leave the list out for the usual ones"
	wrongSymmetric   = "who can verify such a signature could make it; name an asymmetric one, such as RS256"
	wantMatch        = "any or all"
	wrongPlaces      = "the token stands in a field or in the query; leave header out"
	wrongName        = "a field name holds letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110 5.6.2)"
	wrongLength      = "at most 63 characters"
	wrongParameter   = "a query parameter's name is written without spaces and without & = # % + ?"
	wantStatus       = "a status from 400 to 499"
	wantAlgorithm    = "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA"
	wantSkew         = "at most 10m"
)

type faults struct{ option.Faults }

// Faults returns every mistake in the options, whatever they leave open. What only
// reading a key can tell is not among them.
func (o Options) Faults() option.Faults {
	var f faults
	o = o.Complete()
	f.issuers(o)
	if len(o.Audiences) == 0 {
		f.Add("audiences", "", wrongNoAudience)
	}
	for i, a := range o.Audiences {
		if graph(a) {
			f.Add(option.Element("audiences", i), a, wrongGraph)
		}
	}
	f.empty("audiences", o.Audiences)
	f.empty("client_application_ids", o.ClientApplicationIDs)
	f.algorithms(o.Algorithms)
	f.claims(o.RequiredClaims)
	f.place(o)
	if o.ClockSkew > maxSkew {
		f.Want("clock_skew", o.ClockSkew.String(), wantSkew, "")
	}
	if s := o.FailedStatus; s < 400 || s > 499 {
		f.Want("failed.status", strconv.Itoa(s), wantStatus, "")
	}
	if !printable(o.FailedMessage) {
		f.Add("failed.message", "", wrongLine)
	}
	return f.Faults
}

const (
	maxSkew  = 10 * time.Minute
	maxPlace = 63 // characters of a name, as for those of credentials
)

func (f *faults) empty(key string, values []string) {
	for i, v := range values {
		if v == "" {
			f.Add(option.Element(key, i), "", wrongEmpty)
		}
	}
}

func (f *faults) issuers(o Options) {
	if o.TenantID != "" {
		f.tenant(o)
		return
	}
	if len(o.Tenants) > 0 {
		f.Add("tenants", "", wrongTenants)
	}
	if o.Cloud != "" {
		f.Add("cloud", o.Cloud, wrongCloud)
	}
	switch {
	case len(o.OpenIDConfigs) == 0 && len(o.SigningKeys) == 0:
		f.Add("tenant_id", "", wrongNobody)
	case len(o.SigningKeys) > 0 && len(o.Issuers) == 0:
		f.Add("issuers", "", wrongNoIssuer)
	}
	for i, u := range o.OpenIDConfigs {
		key := option.Element("openid_configs", i)
		f.url(key, u)
		for _, everybody := range []string{"/common/", "/organizations/"} {
			if strings.Contains(u, "://login.microsoftonline.") && strings.Contains(u, everybody) {
				f.Add(key, u, wrongEverybody)
			}
		}
	}
	for i, k := range o.SigningKeys {
		if IsURL(k) {
			f.url(option.Element("signing_keys", i), k)
		}
	}
	f.empty("issuers", o.Issuers)
}

func (f *faults) tenant(o Options) {
	for key, list := range map[string][]string{"openid_configs": o.OpenIDConfigs, "issuers": o.Issuers, "signing_keys": o.SigningKeys} {
		if len(list) > 0 {
			f.Add(key, "", wrongFollows)
		}
	}
	if o.TenantID != organizations && !isGUID(o.TenantID) {
		meant := ""
		if o.TenantID == "common" {
			meant = organizations // common has personal accounts as well
		}
		f.Want("tenant_id", o.TenantID, wantTenant, meant)
	}
	if o.TenantID != organizations && len(o.Tenants) > 0 {
		f.Add("tenants", "", wrongOneTenant)
	}
	for i, t := range o.Tenants {
		if !isGUID(t) {
			f.Want(option.Element("tenants", i), t, wantGUID, "")
		}
	}
	if _, known := clouds[o.Cloud]; !known {
		f.Want("cloud", o.Cloud, wantCloud, "")
	}
}

// url checks where keys come from: who can change them on the way could sign.
func (f *faults) url(key, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		f.Want(key, "", wantURL, "")
	case u.User != nil || u.Fragment != "":
		f.Add(key, "", wrongURL)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		f.Add(key, raw, wrongPlain)
	}
}

// IsURL reports whether keys stand behind a URL, and not behind the reference of a secret.
func IsURL(ref string) bool {
	return strings.HasPrefix(ref, "https://") || strings.HasPrefix(ref, "http://")
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Loopback reports whether a host:port or host is this machine.
func Loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return loopback(host)
}

func (f *faults) algorithms(list []string) {
	if len(list) == 0 {
		f.Add("algorithms", "", wrongNoAlgorithm)
	}
	for i, a := range list {
		if slices.Contains(algorithms, a) {
			continue
		}
		meant := ""
		if upper := strings.ToUpper(a); slices.Contains(algorithms, upper) {
			meant = upper
		}
		if strings.HasPrefix(strings.ToUpper(a), "HS") || strings.EqualFold(a, "none") {
			f.Add(option.Element("algorithms", i), a, wrongSymmetric)
			continue
		}
		f.Want(option.Element("algorithms", i), a, wantAlgorithm, meant)
	}
}

func (f *faults) claims(claims map[string]Claim) {
	for name, c := range claims {
		key := "required_claims." + name
		if c.Match != matchAny && c.Match != matchAll {
			f.Want(key+".match", c.Match, wantMatch, "")
		}
		f.empty(key+".values", c.Values)
	}
}

func (f *faults) place(o Options) {
	switch {
	case o.Header != "" && o.Query != "":
		f.Add("query", o.Query, wrongPlaces)
	case o.Header != "" && !isFieldName(o.Header):
		f.Add("header", "", wrongName)
	case len(o.Header) > maxPlace:
		f.Add("header", "", wrongLength)
	case len(o.Query) > maxPlace:
		f.Add("query", "", wrongLength)
	case o.Query != "" && strings.ContainsFunc(o.Query, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&=#%+?", r) }):
		f.Add("query", "", wrongParameter)
	}
}

func isFieldName(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
