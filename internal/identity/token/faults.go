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
		f.add("audiences", "", "at least one audience is needed: without, a token for any other API of the issuer would pass")
	}
	for i, a := range o.Audiences {
		if graph(a) {
			f.add(element("audiences", i), a, "tokens for Microsoft Graph can be verified by Graph alone; name the audience of an API of your own")
		}
	}
	f.empty("audiences", o.Audiences)
	f.empty("client_application_ids", o.ClientApplicationIDs)
	f.algorithms(o.Algorithms)
	f.claims(o.RequiredClaims)
	f.place(o)
	if o.ClockSkew > maxSkew {
		f.want("clock_skew", o.ClockSkew.String(), "at most "+maxSkew.String(), "")
	}
	if s := o.FailedStatus; s < 400 || s > 499 {
		f.want("failed.status", strconv.Itoa(s), "a status from 400 to 499", "")
	}
	if !printable(o.FailedMessage) {
		f.add("failed.message", "", "the message has one line")
	}
	return f
}

const maxSkew = 10 * time.Minute

func (f *faults) empty(key string, values []string) {
	for i, v := range values {
		if v == "" {
			f.add(element(key, i), "", "an empty value would match a claim that says nothing")
		}
	}
}

func (f *faults) issuers(o Options) {
	if o.TenantID != "" {
		f.tenant(o)
		return
	}
	if len(o.Tenants) > 0 {
		f.add("tenants", "", "tenants narrow tenant_id: organizations, which is not set")
	}
	if o.Cloud != "" {
		f.add("cloud", o.Cloud, "the cloud is that of tenant_id, which is not set")
	}
	switch {
	case len(o.OpenIDConfigs) == 0 && len(o.SigningKeys) == 0:
		f.add("tenant_id", "", "nobody is named whose tokens pass; set tenant_id, openid_configs or signing_keys")
	case len(o.SigningKeys) > 0 && len(o.Issuers) == 0:
		f.add("issuers", "", "signing_keys have no metadata that says whose they are; name the issuer")
	}
	for i, u := range o.OpenIDConfigs {
		key := element("openid_configs", i)
		f.url(key, u)
		for _, everybody := range []string{"/common/", "/organizations/"} {
			if strings.Contains(u, "://login.microsoftonline.") && strings.Contains(u, everybody) {
				f.add(key, u, "this metadata names no issuer but all tenants; write tenant_id: organizations")
			}
		}
	}
	for i, k := range o.SigningKeys {
		if strings.Contains(k, "://") && !strings.HasPrefix(k, "keyvault:") && !strings.HasPrefix(k, "file:") {
			f.url(element("signing_keys", i), k)
		}
	}
	f.empty("issuers", o.Issuers)
}

func (f *faults) tenant(o Options) {
	for key, list := range map[string][]string{"openid_configs": o.OpenIDConfigs, "issuers": o.Issuers, "signing_keys": o.SigningKeys} {
		if len(list) > 0 {
			f.add(key, "", "these follow from tenant_id; leave one of the two out")
		}
	}
	if o.TenantID != organizations && !isGUID(o.TenantID) {
		meant := ""
		if o.TenantID == "common" {
			meant = organizations // common has personal accounts as well
		}
		f.want("tenant_id", o.TenantID, "the tenant's id (a GUID), or organizations", meant)
	}
	if o.TenantID != organizations && len(o.Tenants) > 0 {
		f.add("tenants", "", "tenants narrow tenant_id: organizations; here is one tenant already")
	}
	for i, t := range o.Tenants {
		if !isGUID(t) {
			f.want(element("tenants", i), t, "a tenant's id (a GUID)", "")
		}
	}
	if _, known := clouds[o.Cloud]; !known {
		f.want("cloud", o.Cloud, "public, usgovernment or china", "")
	}
}

// url checks where keys come from: who can change them on the way could sign.
func (f *faults) url(key, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		f.want(key, "", "a URL, such as https://id.example.com/.well-known/openid-configuration", "")
	case u.User != nil || u.Fragment != "":
		f.add(key, "", "a URL here has no user name, password or fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		f.add(key, raw, "keys come over https:// only; http:// is for loopback")
	}
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
		f.add("algorithms", "", "no algorithm is left; leave the list out for the usual ones")
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
			f.add(element("algorithms", i), a, "who can verify such a signature could make it; name an asymmetric one, such as RS256")
			continue
		}
		f.want(element("algorithms", i), a, "one of "+strings.Join(algorithms, ", "), meant)
	}
}

func (f *faults) claims(claims map[string]Claim) {
	for name, c := range claims {
		key := "required_claims." + name
		if c.Match != matchAny && c.Match != matchAll {
			f.want(key+".match", c.Match, "any or all", "")
		}
		f.empty(key+".values", c.Values)
	}
}

func (f *faults) place(o Options) {
	switch {
	case o.Header != "" && o.Query != "":
		f.add("query", o.Query, "the token stands in a field or in the query; leave header out")
	case o.Header != "" && !isFieldName(o.Header):
		f.add("header", "", "a field name holds letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110 5.6.2)")
	case o.Query != "" && strings.ContainsFunc(o.Query, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&=#%+?", r) }):
		f.add("query", "", "a query parameter's name is written without spaces and without & = # % + ?")
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
