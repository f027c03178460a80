package export

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// apim is the writer of one policy document, for the scope of an API. Where nothing of a
// kind is to be said the element is left out, and children stand in the order that the
// policy's page in the manual names. Quotes in expressions are escaped, which both forms
// of the document (xml and rawxml) read.
type apim struct {
	text
	*view
}

func writeAPIM(v *view) string {
	a := &apim{text: text{unit: "    "}, view: v}
	a.preface()
	a.open("<policies>")
	a.open("<inbound>")
	a.line("<base />")
	a.cors()
	a.addresses()
	a.headers()
	if why := a.closed(); why != "" {
		a.remark("CLOSED: " + why + ".")
		a.open("<return-response>")
		a.line(`<set-status code="403" reason="Forbidden" />`)
		a.close("</return-response>")
	}
	a.tokens()
	a.limits()
	a.callers()
	a.query()
	a.upstream()
	a.close("</inbound>")
	a.open("<backend>")
	a.remark("Streams pass at once. The wait is for the head; beyond 240 s it may be cut short.")
	a.forward()
	a.close("</backend>")
	for _, section := range []string{"outbound", "on-error"} {
		a.open("<%s>", section)
		a.line("<base />")
		a.close("</%s>", section)
	}
	a.close("</policies>")
	return a.String()
}

// remark writes a comment. Two hyphens in a row would end it.
func (a *apim) remark(s string) {
	a.line("<!-- %s -->", strings.ReplaceAll(s, "--", "- -"))
}

// x escapes a text for an attribute or an element.
func x(s string) string {
	b := &strings.Builder{}
	_ = xml.EscapeText(b, []byte(s)) // a builder never fails
	return b.String()
}

func (a *apim) preface() {
	a.line("<!--")
	say := func(format string, args ...any) {
		t := text{}
		t.note(format, args...)
		a.b.WriteString(strings.ReplaceAll(t.String(), "--", "- -"))
	}
	say("Route %s, written by apim-edge export for API Management, at the scope of one API. It replaces the policy of the API: what that has to say of its back end stays, behind these lines.", a.name)
	for i, step := range a.steps() {
		a.gap()
		say("%d. %s", i+1, step)
	}
	a.line("-->")
}

// steps are what has to be done besides, in settings that are no policy.
func (a *apim) steps() (steps []string) {
	path := strings.Trim(a.route.PathPrefix, "/")
	if path == "" {
		path = "(empty)"
	}
	if a.up.Auth.Set() {
		steps = append(steps, "Make an API whose URL suffix (path) is "+path+", with an operation for each method and path that clients use, or with /* for each method.")
	} else {
		steps = append(steps, "The API is the one behind "+a.url.Host+a.added()+" that apim-edge forwards to. Let clients use its own address.")
	}
	return append(append(steps, a.poolSteps()...), a.keySteps()...)
}

// gate is how the key of API Management itself is asked for.
func (v *view) gate() string {
	switch r := v.route.Require; {
	case r.Client && (len(r.Token) == 0 || r.Match == "all"):
		return "keys"
	case v.up.Auth.Set():
		return "open"
	}
	return "as it is"
}

func (a *apim) keySteps() []string {
	const before = "API Management looks at the subscription key before any policy runs, and in one field only, so no policy can move it. "
	switch {
	case a.gate() == "open":
		return []string{"Set subscriptionRequired of the API to false: nobody has shown a subscription key to this route."}
	case a.gate() == "keys":
		return []string{before + "Make a subscription for each client of apim-edge, and set subscriptionRequired of the API to true."}
	case a.shared():
		return []string{before + "The key is in Authorization already: there is nothing to rename. Who sends it in another field fails without apim-edge."}
	case len(a.route.Require.Token) > 0:
		return []string{before + "Authorization is for the token here, so the key stays in " + a.route.Credential.Header + ": who sends a key as Authorization: Bearer fails without apim-edge, and has to be changed first."}
	}
	return []string{
		before + "Choose: either each client sends " + a.route.Credential.Header + ", and nothing is renamed (leave out the line that deletes Authorization if tokens are sent as well); or the two steps below, at one moment.",
		`Set subscriptionKeyParameterNames of the API to {"header": "Authorization", "query": "` + a.queryName() + `"}.`,
		"Put \"Bearer \" in front of the primary and the secondary key of each subscription. From then on who sends " + a.route.Credential.Header + ", or a token in Authorization, gets 401. Keys that are made in the portal lack the prefix.",
	}
}

func (a *apim) queryName() string {
	if names := a.route.Credential.QueryAliases; len(names) > 0 {
		return names[0]
	}
	return "subscription-key"
}

// literalOrigins are the origins that API Management can compare.
func (v *view) literalOrigins() (origins []string) {
	for _, o := range v.route.CORS.AllowedOrigins {
		if o == "*" || !strings.Contains(o, "*") {
			origins = append(origins, o)
		}
	}
	return origins
}

func (a *apim) cors() {
	c := a.route.CORS
	if len(a.literalOrigins()) == 0 {
		return
	}
	names, any := a.offers()
	if any {
		names = []string{"*"}
	}
	a.open(`<cors allow-credentials="%t" terminate-unmatched-request="false">`, c.AllowCredentials)
	a.list("allowed-origins", "origin", a.literalOrigins())
	a.open(`<allowed-methods preflight-result-max-age="%d">`, int(c.MaxAge.Seconds()))
	for _, m := range c.AllowedMethods {
		a.line("<method>%s</method>", x(m))
	}
	a.close("</allowed-methods>")
	a.list("allowed-headers", "header", names)
	a.list("expose-headers", "header", strings.Split(a.exposed(), ", "))
	a.close("</cors>")
}

func (a *apim) list(element, child string, values []string) {
	if len(values) == 0 {
		return
	}
	a.open("<%s>", element)
	for _, v := range values {
		a.line("<%s>%s</%s>", child, x(v), child)
	}
	a.close("</%s>", element)
}

// remove writes a line that deletes a field.
func (a *apim) remove(name string) {
	a.line(`<set-header name="%s" exists-action="delete" />`, x(name))
}

// set writes a line that sets a field.
func (a *apim) set(name, value string) {
	a.open(`<set-header name="%s" exists-action="override">`, x(name))
	a.line("<value>%s</value>", value)
	a.close("</set-header>")
}

// callers takes off what of the callers' credentials goes no further.
func (a *apim) callers() {
	for _, name := range a.route.Credential.QueryAliases {
		a.line(`<set-query-parameter name="%s" exists-action="delete" />`, x(name))
	}
	for i, name := range a.keyFields() {
		if i > 0 || a.shared() || a.replaced() {
			a.remove(name)
		}
	}
	tokenInAuthorization := len(a.route.Require.Token) > 0 && !a.replaced()
	if !tokenInAuthorization && !a.route.Credential.KeepAuthorization && !a.up.Auth.KeepCaller {
		a.remark("A key in Authorization would be taken for a token by the back end.")
		a.remove("Authorization")
	}
	if a.route.CORS.WithholdOrigin {
		a.remove("Origin")
	}
	for _, claim := range slices.Sorted(maps.Keys(a.route.ForwardClaims)) {
		a.set(a.route.ForwardClaims[claim], x(`@(((Jwt)context.Variables["token"]).Claims.GetValueOrDefault("`+claim+`", ""))`))
	}
}

// upstream leads to the back end where the edge shows it a credential of its own. Else the
// API has its back end already.
func (a *apim) upstream() {
	auth := a.up.Auth
	if !auth.Set() {
		return
	}
	if a.spreads() {
		a.toPool()
		return
	}
	rest := strings.TrimPrefix(strings.TrimSuffix(a.route.PathPrefix, "/"), a.strip())
	a.line(`<set-backend-service base-url="%s" />`, x(a.url.Scheme+"://"+a.url.Host+a.added()+rest))
	if auth.ManagedIdentity.Resource != "" {
		a.managedIdentity()
		return
	}
	name := credentialOf(a.route.Upstream)
	a.remark("FILL IN: the named value " + name + " (secret) holds the credential.")
	a.set(auth.Header, a.ownScheme()+"{{"+name+"}}")
	a.fillCredential("named value "+name, "a named value that is marked as secret, or one of a Key Vault")
}

// managedIdentity shows the back end a token of API Management's identity.
func (a *apim) managedIdentity() {
	identity, client := a.up.Auth.ManagedIdentity, ""
	if identity.ClientID != "" {
		client = fmt.Sprintf(` client-id="%s"`, x(identity.ClientID))
	}
	a.line(`<authentication-managed-identity resource="%s"%s />`, x(identity.Resource), client)
}
