package token

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one mistake in Options.
type Fault struct {
	// Key is the option as the configuration spells it, an element by its position.
	Key string
	// Found is the value, where it may be shown.
	Found string
	// Text says what is wrong with the value. Want says what may stand there, where
	// that is all there is to say. One of the two is set.
	Text, Want string
	// Meant is a likely correction, or empty.
	Meant string
}

// Error implements error.
func (f Fault) Error() string {
	text := f.Text
	if f.Want != "" {
		text = "want " + f.Want
	}
	if f.Found != "" {
		text = "found " + strconv.Quote(f.Found) + ", " + text
	}
	return f.Key + ": " + text
}

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

type faults []Fault

func (f *faults) add(key, found, text string) {
	*f = append(*f, Fault{Key: key, Found: found, Text: text})
}

func (f *faults) want(key, found, want, meant string) {
	*f = append(*f, Fault{Key: key, Found: found, Want: want, Meant: meant})
}

// Faults returns every mistake in the options, whatever they leave open. What only
// reading a key can tell is not among them.
func (o Options) Faults() []Fault {
	var f faults
	o = o.Complete()
	f.issuers(o)
	if len(o.Audiences) == 0 {
		f.add("audiences", "", wrongNoAudience)
	}
	for i, a := range o.Audiences {
		if graph(a) {
			f.add(element("audiences", i), a, wrongGraph)
		}
	}
	f.empty("audiences", o.Audiences)
	f.empty("client_application_ids", o.ClientApplicationIDs)
	f.algorithms(o.Algorithms)
	f.claims(o.RequiredClaims)
	f.place(o)
	if o.ClockSkew > maxSkew {
		f.want("clock_skew", o.ClockSkew.String(), wantSkew, "")
	}
	if s := o.FailedStatus; s < 400 || s > 499 {
		f.want("failed.status", strconv.Itoa(s), wantStatus, "")
	}
	if !printable(o.FailedMessage) {
		f.add("failed.message", "", wrongLine)
	}
	return f
}

const (
	maxSkew  = 10 * time.Minute
	maxPlace = 63 // characters of a name, as for those of credentials
)

func (f *faults) empty(key string, values []string) {
	for i, v := range values {
		if v == "" {
			f.add(element(key, i), "", wrongEmpty)
		}
	}
}

func (f *faults) issuers(o Options) {
	if o.TenantID != "" {
		f.tenant(o)
		return
	}
	if len(o.Tenants) > 0 {
		f.add("tenants", "", wrongTenants)
	}
	if o.Cloud != "" {
		f.add("cloud", o.Cloud, wrongCloud)
	}
	switch {
	case len(o.OpenIDConfigs) == 0 && len(o.SigningKeys) == 0:
		f.add("tenant_id", "", wrongNobody)
	case len(o.SigningKeys) > 0 && len(o.Issuers) == 0:
		f.add("issuers", "", wrongNoIssuer)
	}
	for i, u := range o.OpenIDConfigs {
		key := element("openid_configs", i)
		f.url(key, u)
		for _, everybody := range []string{"/common/", "/organizations/"} {
			if strings.Contains(u, "://login.microsoftonline.") && strings.Contains(u, everybody) {
				f.add(key, u, wrongEverybody)
			}
		}
	}
	for i, k := range o.SigningKeys {
		if IsURL(k) {
			f.url(element("signing_keys", i), k)
		}
	}
	f.empty("issuers", o.Issuers)
}

func (f *faults) tenant(o Options) {
	for key, list := range map[string][]string{"openid_configs": o.OpenIDConfigs, "issuers": o.Issuers, "signing_keys": o.SigningKeys} {
		if len(list) > 0 {
			f.add(key, "", wrongFollows)
		}
	}
	if o.TenantID != organizations && !isGUID(o.TenantID) {
		meant := ""
		if o.TenantID == "common" {
			meant = organizations // common has personal accounts as well
		}
		f.want("tenant_id", o.TenantID, wantTenant, meant)
	}
	if o.TenantID != organizations && len(o.Tenants) > 0 {
		f.add("tenants", "", wrongOneTenant)
	}
	for i, t := range o.Tenants {
		if !isGUID(t) {
			f.want(element("tenants", i), t, wantGUID, "")
		}
	}
	if _, known := clouds[o.Cloud]; !known {
		f.want("cloud", o.Cloud, wantCloud, "")
	}
}

// url checks where keys come from: who can change them on the way could sign.
func (f *faults) url(key, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		f.want(key, "", wantURL, "")
	case u.User != nil || u.Fragment != "":
		f.add(key, "", wrongURL)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		f.add(key, raw, wrongPlain)
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
		f.add("algorithms", "", wrongNoAlgorithm)
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
			f.add(element("algorithms", i), a, wrongSymmetric)
			continue
		}
		f.want(element("algorithms", i), a, wantAlgorithm, meant)
	}
}

func (f *faults) claims(claims map[string]Claim) {
	for name, c := range claims {
		key := "required_claims." + name
		if c.Match != matchAny && c.Match != matchAll {
			f.want(key+".match", c.Match, wantMatch, "")
		}
		f.empty(key+".values", c.Values)
	}
}

func (f *faults) place(o Options) {
	switch {
	case o.Header != "" && o.Query != "":
		f.add("query", o.Query, wrongPlaces)
	case o.Header != "" && !isFieldName(o.Header):
		f.add("header", "", wrongName)
	case len(o.Header) > maxPlace:
		f.add("header", "", wrongLength)
	case len(o.Query) > maxPlace:
		f.add("query", "", wrongLength)
	case o.Query != "" && strings.ContainsFunc(o.Query, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&=#%+?", r) }):
		f.add("query", "", wrongParameter)
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

func element(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }
