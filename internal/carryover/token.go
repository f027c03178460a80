package carryover

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/identity/token"
)

// tokenPolicy is one of token_policies.
type tokenPolicy struct {
	name, from string
	options    token.Options
	claims     []string // in the order of the document
	skew       string
	places     map[string]string // of lists, by their keys
}

// validateJWT carries over validate-jwt.
func validateJWT(p *policy) {
	t := tokenPolicy{from: p.from(), places: map[string]string{}}
	o := &t.options
	p.common(&t)
	p.scheme(o.Header)
	for _, e := range p.el.Children {
		if e.Name == "openid-config" {
			p.use(e)
			if a := e.Attr("url"); a != nil {
				p.used[a] = true
				u, why := p.route.text(a.Value)
				p.fault("openid-config: ", why)
				o.OpenIDConfigs = append(o.OpenIDConfigs, u)
				t.places["openid_configs"] = place(spot{doc: p.doc, el: e}) + " openid-config"
			}
		}
	}
	o.Issuers = p.listed(&t, "issuers", "issuer", "issuers")
	o.Audiences = p.listed(&t, "audiences", "audience", "audiences")
	if len(o.Issuers) > 0 && len(o.OpenIDConfigs) > 0 {
		p.note("the issuers hold in place of the one that the metadata names, and not beside it")
	}
	if p.el.Attr("token-value") != nil {
		p.fault("token-value: ", "apim-edge finds the token in a field or a parameter of the query")
	}
	if p.el.Child("issuer-signing-keys") != nil {
		p.fault("issuer-signing-keys: ", "keys are no part of the configuration; put public ones into a file, and name it in signing_keys of a token policy. Symmetric ones (HS256) are not taken: who can verify could sign")
	}
	p.tokenPolicy(t)
}

// validateEntra carries over validate-azure-ad-token.
func validateEntra(p *policy) {
	t := tokenPolicy{from: p.from(), places: map[string]string{}}
	o := &t.options
	tenant, why := tenantID(p.attrText("tenant-id"))
	if len(p.why) == 0 {
		p.fault("tenant-id: ", why)
	}
	o.TenantID = tenant
	p.common(&t)
	if endpoint := p.attrText("authentication-endpoint"); endpoint != "" {
		cloud, known := clouds[strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(endpoint), "https://"), "/")]
		if !known {
			p.fault("authentication-endpoint: ", "none of Microsoft's clouds that apim-edge knows")
		}
		o.Cloud = cloud
	}
	o.ClientApplicationIDs = p.listed(&t, "client-application-ids", "application-id", "client_application_ids")
	o.Audiences = p.listed(&t, "audiences", "audience", "audiences")
	if backends := p.listed(&t, "backend-application-ids", "application-id", "audiences"); len(backends) > 0 {
		o.Audiences = append(o.Audiences, backends...)
		p.note("backend-application-ids stand in audiences: it is the same claim")
	}
	if p.el.Attr("token-value") != nil {
		p.fault("token-value: ", "apim-edge finds the token in a field or a parameter of the query")
	}
	p.tokenPolicy(t)
}

var clouds = map[string]string{
	"login.microsoftonline.com": "public", "login.microsoftonline.us": "usgovernment",
	"login.partner.microsoftonline.cn": "china", "login.chinacloudapi.cn": "china",
}

var guid = regexp.MustCompile(`(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// tenantID returns the id in what API Management takes for a tenant.
func tenantID(text string) (id, why string) {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		text = strings.Trim(u.Path, "/")
		text, _, _ = strings.Cut(text, "/")
	}
	switch {
	case guid.FindString(text) == text && text != "":
		return strings.ToLower(text), ""
	case strings.EqualFold(text, "organizations"):
		return "organizations", ""
	case strings.EqualFold(text, "common"):
		return "", "common has personal accounts, which apim-edge does not take; organizations is every tenant"
	}
	return "", "a tenant by its domain; tokens say its id: write that"
}

// fault notes why the policy cannot be carried over.
func (p *policy) fault(what, why string) {
	if why != "" {
		p.why = append(p.why, what+why)
	}
}

// listed returns the texts of a container, and notes its place.
func (p *policy) listed(t *tokenPolicy, container, item, key string) []string {
	if e := p.el.Child(container); e != nil {
		t.places[key] = place(spot{doc: p.doc, el: e}) + " " + container
	}
	return p.list(container, item)
}

// common reads what both policies have.
func (p *policy) common(t *tokenPolicy) {
	o := &t.options
	o.Header, o.Query = p.attrText("header-name"), p.attrText("query-parameter-name")
	if code := p.attrText("failed-validation-httpcode"); code != "" {
		status, ok := positive(code, 999)
		if !ok {
			p.fault("failed-validation-httpcode: ", "no status")
		}
		o.FailedStatus = status
	}
	o.FailedMessage = p.attrText("failed-validation-error-message")
	if strings.EqualFold(p.attrText("require-signed-tokens"), "false") {
		p.fault("require-signed-tokens: ", "apim-edge takes no token that is not signed")
	}
	o.AllowNoExpiration = strings.EqualFold(p.attrText("require-expiration-time"), "false")
	if skew := p.attrText("clock-skew"); skew != "" {
		seconds, ok := positive(skew, 600)
		if !ok && skew != "0" {
			p.fault("clock-skew: ", "no number of seconds up to 600")
		}
		o.ClockSkew, t.skew = time.Duration(seconds)*time.Second, skew+"s"
	} else {
		p.note("clocks may be 30 s apart (clock_skew), and not 0 s")
	}
	if name := p.attrText("output-token-variable-name"); name != "" {
		p.variables[name] = variable{policy: p.from()}
	}
	if p.el.Child("decryption-keys") != nil {
		p.fault("decryption-keys: ", "keys are no part of the configuration; put them into a file or a vault, and name it in decryption_keys of a token policy")
	}
	p.requiredClaims(t)
}

// scheme reads require-scheme, which API Management heeds in Authorization alone.
func (p *policy) scheme(header string) {
	scheme := p.attrText("require-scheme")
	switch {
	case scheme == "" || strings.EqualFold(scheme, "Bearer"):
	case strings.EqualFold(header, "Authorization"):
		p.fault("require-scheme: ", "apim-edge takes tokens behind Bearer alone")
	}
}

func (p *policy) requiredClaims(t *tokenPolicy) {
	c := p.use(p.el.Child("required-claims"))
	if c == nil {
		return
	}
	t.options.RequiredClaims = map[string]token.Claim{}
	t.places["required_claims"] = place(spot{doc: p.doc, el: c}) + " required-claims"
	for _, e := range c.Children {
		if e.Name != "claim" {
			continue
		}
		name, claim := p.requiredClaim(e)
		if _, twice := t.options.RequiredClaims[name]; twice {
			p.fault("required-claims: ", "a claim twice, which the configuration has once; list its values in one, with match all")
		}
		if strings.Contains(name, "__") || strings.Trim(name, "_") != name || name == "" {
			p.fault("required-claims: ", "a claim without a name, or with __ inside or _ at an end, which no key of the configuration can be")
		}
		t.options.RequiredClaims[name] = claim
		t.claims = append(t.claims, name)
	}
}

func (p *policy) requiredClaim(e *apimpolicy.Element) (name string, c token.Claim) {
	p.use(e)
	c.Match = "all"
	for i := range e.Attrs {
		a := &e.Attrs[i]
		text, why := p.route.text(a.Value)
		switch a.Name {
		case "name":
			name = text
		case "match":
			c.Match = strings.ToLower(text)
		case "separator":
			if c.Separator = text; a.Value.Text == "" {
				c.Separator = " " // white space around a value is taken off
			}
		default:
			continue
		}
		p.used[a] = true
		p.fault("claim "+a.Name+": ", why)
	}
	for _, v := range e.Children {
		if v.Name != "value" {
			continue
		}
		text, why := p.route.text(p.textIn(v))
		p.fault("claim value: ", why)
		c.Values = append(c.Values, text)
	}
	return name, c
}

// tokenPolicy adds a policy of which tokens have to pass one.
func (p *policy) tokenPolicy(t tokenPolicy) {
	if p.failed(Access) {
		return
	}
	if faults := t.options.Faults(); len(faults) > 0 {
		var all []string
		for _, f := range faults {
			all = append(all, strings.TrimSpace(f.Text+" "+f.Want)+" ("+f.Key+")")
		}
		p.refused(Access, strings.Join(all, "; "))
		return
	}
	if len(p.tokens) > 0 {
		p.refused(Access, "a second policy on tokens, which has to pass as well; a route of apim-edge asks for one of several")
		return
	}
	t.name = p.conversion.policyName(p.name)
	p.conversion.policies = append(p.conversion.policies, t)
	p.tokens = append(p.tokens, t.name)
	p.carried("token_policies."+t.name, p.routeKey("require.token"))
}

// policyName is the name of a token policy of a route.
func (c *conversion) policyName(route string) string {
	taken := map[string]bool{}
	for _, t := range c.policies {
		taken[t.name] = true
	}
	return free(route, taken)
}

// isResource reports whether a token of a managed identity can be for it.
func isResource(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (guid.FindString(text) == text && text != "" || u.Scheme != "") && !strings.HasSuffix(text, "/.default")
}

// managedIdentity carries over authentication-managed-identity.
func managedIdentity(p *policy) {
	id := identity{p.attrText("resource"), p.attrText("client-id")}
	output := p.attrText("output-token-variable-name")
	if strings.EqualFold(p.attrText("ignore-error"), "true") {
		p.note("ignore-error: where no token can be had the request is refused, and not sent without one")
	}
	switch {
	case p.failed(Request):
	case !isResource(id.resource):
		p.refused(Request, "the resource is neither a URI nor the id of an application")
	case id.client != "" && guid.FindString(id.client) != id.client:
		p.refused(Request, "client-id is no id (a GUID)")
	case output != "":
		p.variables[output] = variable{identity: &id}
		p.note("the token is shown where the variable is used")
		p.carried(ofUpstream + "auth.managed_identity")
	case p.ownCredential():
		p.refused(Request, secondCredential)
	default:
		p.identity = &sourced[identity]{id, p.from()}
		p.carried(ofUpstream + "auth.managed_identity")
	}
}
