package doctor

import (
	"fmt"
	"slices"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
)

// judgeCredentials says what became of the key that was given.
func (v *verdict) judgeCredentials() {
	if v.way == Open || v.way == Unclear || v.fields == nil {
		return
	}
	if v.opt.Key.IsZero() {
		if v.way != Tokens {
			v.note("key", "that a real key is accepted is not proved: none was given", "give --key env:NAME")
		}
		return
	}
	right := v.fields[v.field()]
	if v.way == Renamed || v.way == Front {
		right = v.bearer
	}
	switch r := right.reach(); {
	case r == accepted:
		v.ok("key", "the key is accepted there, by API Management and by the service behind it")
		v.beyond(right)
		if v.way == ByClients && v.both.reach() == accepted {
			v.ok("key", "clients that send the key in both fields get through as well: way 1 is open to them without an edge")
		}
	case v.way == ByClients && v.both.reach() == accepted:
		v.note("key", "the key alone is refused, and accepted together with Authorization: a policy wants both", "")
	case r == keyRefused:
		v.problem("key", hint.KeyInvalid.Means(), hint.KeyInvalid.Change())
	case r == serviceRefused && v.at.bare.reach() == keyUnseen:
		v.problem("key", right.known.Means(), right.known.Change())
		v.none("the key passes API Management and is refused behind it: that is a matter of API Management's policies")
	case r == tokenRefused:
		v.note("key", "the key is seen, and a policy asks for a token besides it", "")
	case v.way != Tokens:
		v.refused(right)
	}
}

// beyond says what the service has to say of a request whose credentials it takes. That
// it has no deployment of a name that nobody has is no news.
func (v *verdict) beyond(a Answer) {
	switch a.known {
	case hint.DeploymentUnknown:
		if v.opt.Deployment != "" {
			v.problem("model", a.known.Means()+": "+v.opt.Deployment, a.known.Change())
		}
	case hint.ServicePathUnknown, hint.APIVersionTooOld, hint.ModelLacksOperation, hint.APIVersionMissing, hint.BodyUnfit,
		hint.ServiceRateLimited, hint.ServiceBusy, hint.ServiceTimeout:
		v.problem("service", a.known.Means(), a.known.Change())
	}
}

// refused says what else has become of a good key.
func (v *verdict) refused(a Answer) {
	what := fmt.Sprintf("with the key the answer is %d", a.Status)
	switch {
	case a.Failed != "":
		what = "with the key there is no answer: " + a.Failed
	case a.known != hint.Unknown && a.known != hint.None:
		v.problem("key", what+": "+a.known.Means(), a.known.Change())
		return
	case a.Said != "":
		what += ": " + a.Said
	}
	v.problem("key", what, "ask the owner of API Management")
}

// judgeTokens says what became of the token.
func (v *verdict) judgeTokens() {
	wantsToken := v.way == Tokens || v.fields != nil && v.fields[v.field()].reach() == tokenRefused
	if v.token == nil {
		if wantsToken {
			v.note("token", "whether a token is accepted is not proved: none was given", "give --token env:NAME")
			if v.way != Tokens {
				v.none("the API wants a token in Authorization besides the key, and clients that send their key there have none")
			}
		}
		return
	}
	switch {
	case v.token.reach() == accepted:
		v.ok("token", "the token is accepted")
		if v.misplaced.reach() != accepted {
			v.note("token", "the token is refused in "+v.field()+", where openai-python from 2.34 and other Azure classes put it", "the edge moves it: misplaced_token is move by default")
		}
	case v.tokenKey != nil && v.tokenKey.reach() == accepted:
		v.ok("token", "the token is accepted together with the key: clients send the token as Bearer, and the key in "+v.field())
	case v.token.reach() == keyUnseen:
		v.note("token", hint.TokenInsteadOfKey.Means(), hint.TokenInsteadOfKey.Change())
	case v.token.known == hint.Unknown || v.token.known == hint.None:
		v.problem("token", fmt.Sprintf("with the token the answer is %d: %s", v.token.Status, v.token.Said), "compare its aud, iss and exp with what the API checks")
	default:
		v.problem("token", v.token.known.Means(), v.token.known.Change())
	}
}

// judgePages says what a browser would make of it.
func (v *verdict) judgePages() {
	if n := len(v.page.AllowOrigin); n > 1 {
		v.problem("cors", fmt.Sprintf("the answer carries Access-Control-Allow-Origin %d times, which no browser takes: the cors policy and the service both set it", n),
			"set cors.allowed_origins of the route: the edge then owns these fields and removes the API's")
	}
	switch a := v.preflight; {
	case a.Status == 200 && len(a.AllowOrigin) == 0:
		v.note("cors", "a cors policy answers preflights, and does not know the origin "+v.opt.Origin+": it answers with an empty 200", "set cors.allowed_origins of the route, and cors.withhold_origin: true")
	case a.Status >= 200 && a.Status < 300 && len(a.AllowOrigin) > 0:
		v.ok("cors", "preflights of "+v.opt.Origin+" are answered: allowed")
	case a.Status >= 200 && a.Status < 300:
		v.note("cors", "preflights are answered, and pages of "+v.opt.Origin+" are not allowed", "add the origin where that is decided, if its pages are to call")
	default:
		v.note("cors", fmt.Sprintf("preflights are not answered (%d): pages of browsers cannot call the API", a.Status), "set cors.allowed_origins of the route, if pages are to call")
	}
}

// judgeRoute compares a route of the configuration with what the API wants.
func (v *verdict) judgeRoute() {
	c := v.target.route.Credential
	if v.target.Name == "" || v.way != ByClients && v.way != Renamed {
		return
	}
	if own := v.target.ownField; own != "" {
		v.judgeOwn("upstreams."+v.target.upstream+".auth", own)
		return
	}
	key, value := "routes."+v.target.Name+".credential", "{key}"
	if v.way == Renamed {
		value = "Bearer {key}"
	}
	switch {
	case spelled(c.Header) != v.keyField:
		v.problem("configuration", fmt.Sprintf("%s.header is %s, and the API looks for its key in %s", key, c.Header, v.keyField), "set it to "+v.keyField)
	case c.Value != value:
		v.problem("configuration", fmt.Sprintf("%s.value is %q, and the API wants %q", key, c.Value, value), "set it to that")
	case v.bothWanted() && !c.KeepAuthorization:
		v.problem("configuration", key+".keep_authorization is false, and a policy wants Authorization besides the key", "set it to true")
	default:
		v.ok("configuration", "route "+v.target.Name+" sends the key where the API looks for it")
	}
}

// judgeOwn does the same where the edge shows a credential of its own: what callers send
// does not go there, and what goes there is not known here.
func (v *verdict) judgeOwn(key, field string) {
	if field != v.keyField {
		v.problem("configuration", fmt.Sprintf("%s puts the edge's own credential into %s, and the API looks for a key in %s", key, field, v.keyField), "set "+key+".header, or have the API take what it is shown")
		return
	}
	v.ok("configuration", key+" puts the edge's own credential where the API looks for it")
	v.note("configuration", "whether that credential is accepted is not proved: it was not used here", "give the same to --key, or ask through --edge")
}

// bothWanted reports whether the key is accepted only together with Authorization.
func (v *verdict) bothWanted() bool {
	return v.way == ByClients && !v.opt.Key.IsZero() && v.both.reach() == accepted && v.fields[v.field()].reach() != accepted
}

// judgeEdge compares what came through the edge with what came directly.
func (v *verdict) judgeEdge() {
	if v.edgeBearer == nil {
		return
	}
	through, direct := v.edgeBearer, v.fields[v.field()]
	switch {
	case through.Failed != "":
		v.problem("edge", "the edge gives no answer: "+through.Failed, adviceFor(through.fault))
		return
	case through.EdgeError != "":
		v.problem("edge", fmt.Sprintf("the edge answers %d %s", through.Status, through.EdgeError), adviceOf(through.EdgeError))
		return
	case v.target.ownField != "" && through.reach() == accepted:
		v.ok("edge", "through the edge, with the edge's own credential, the request is accepted")
	case v.finds(*through) && through.reach() >= direct.reach() || through.reach() == accepted:
		v.ok("edge", "through the edge a key that comes as Authorization: Bearer arrives where the API looks for it")
	default:
		v.problem("edge", fmt.Sprintf("through the edge a key that comes as Authorization: Bearer gets %d %s, and directly in %s %d", through.Status, through.Hint, v.field(), direct.Status),
			"look whether the edge has this API as its upstream, and at credential.header of its route")
	}
	if f := v.edgeField; f.Failed == "" && f.reach() < direct.reach() {
		v.problem("edge", fmt.Sprintf("through the edge a key in %s gets %d, and directly %d", v.field(), f.Status, direct.Status), "look at credential.header and credential.aliases of the route")
	}
	if v.edgeBare.reach() == accepted && v.at.bare.reach() != accepted {
		v.note("edge", "through the edge a request without a credential is accepted: the edge shows one of its own", "keep strangers away from the edge's port")
	}
	if n := len(v.edgePage.AllowOrigin); n > 1 {
		v.problem("edge", "through the edge Access-Control-Allow-Origin comes more than once", "set cors.allowed_origins of the route")
	}
	if a := v.edgePreflight; a.Status >= 200 && a.Status < 300 && len(a.AllowOrigin) > 0 {
		v.ok("edge", "through the edge preflights of "+v.opt.Origin+" are answered: allowed")
	}
}

// adviceOf says what to do about an error of the edge.
func adviceOf(code string) string {
	if i := slices.IndexFunc(edgeerr.Codes(), func(c edgeerr.Code) bool { return c.String() == code }); i >= 0 {
		return edgeerr.Codes()[i].Advice()
	}
	return "look at the edge's log"
}
