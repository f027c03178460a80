package carryover

import (
	"regexp"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/rewrite"
)

// secondCredential is why no other one is carried over.
const secondCredential = "a second credential; an upstream of apim-edge is shown one (auth)"

// keyFields are the fields in which keys and tokens go upstream.
var keyFields = words("authorization api-key x-api-key ocp-apim-subscription-key x-functions-key x-goog-api-key")

// setHeader carries over set-header where it does what the edge does by itself: it shows
// the upstream a credential, moves the caller's into another field, takes it off, or
// tells what a token says.
func setHeader(p *policy) {
	name := p.attrText("name")
	action := strings.ToLower(p.attrText("exists-action"))
	lower := strings.ToLower(name)
	switch {
	case p.failed(Request):
	case p.section == "outbound" || p.section == "on-error":
		p.answerField(lower)
	case action == "delete":
		p.deleteHeader(lower)
	case !only(p.el, "value"):
		p.refused(Request, "several values, or none; apim-edge sets no fields but those of credentials")
	case p.credentialField(name, lower, action):
	case lower == "host":
		p.host()
	default:
		p.refused(Request, "apim-edge sets no fields of requests but those of credentials, claims (forward_claims) and proxies (X-Forwarded-*)")
	}
}

// answerField lists what is done to fields of an answer. Those of CORS are the edge's
// own where it has a policy.
func (p *policy) answerField(lower string) {
	if !strings.HasPrefix(lower, "access-control-") {
		p.refused(Response, "apim-edge changes no fields of answers but those of CORS")
		return
	}
	p.later(func() {
		if p.route.cors != nil {
			p.nothing(p.spot, "cors of the route writes these fields, in place of the upstream's")
			return
		}
		p.refused(Response, "CORS by hand; write cors with allowed_origins at the route")
	})
}

// later decides what depends on all of the documents when these have been looked at.
func (p *policy) later(decide func()) { p.atEnd = append(p.atEnd, decide) }

// deleteHeader takes a credential of the caller's off.
func (p *policy) deleteHeader(lower string) {
	p.later(func() {
		target := strings.ToLower(p.credentialHeader())
		switch {
		case lower == "origin" && p.route.cors != nil:
			p.route.cors.withhold = &sourced[string]{"true", p.from()}
			p.carried(p.routeKey("cors.withhold_origin"))
		case p.key != nil && strings.EqualFold(p.key.value.header, lower):
			p.nothing(p.spot, "the upstream's own key stands in this field, in place of the caller's")
		case p.ownCredential() && isKeyField(lower, p.route):
			p.nothing(p.spot, "with a credential of the upstream's own those of callers are dropped")
		case isKeyField(lower, p.route) && lower != "authorization" && lower != target:
			p.nothing(p.spot, "the key goes upstream in "+p.credentialHeader()+" alone (credential.header)")
		case lower == "authorization" && target != "authorization":
			p.refused(Request, "apim-edge takes a key out of Authorization, but passes a token on, unless the upstream has a credential of its own (auth)")
		default:
			p.refused(Request, "apim-edge takes no fields off but those of credentials")
		}
	})
}

func isKeyField(lower string, r *route) bool {
	return keyFields[lower] || lower == strings.ToLower(r.keyHeader())
}

// credentialHeader is where the upstream expects the caller's key.
func (r *route) credentialHeader() string {
	if r.credential.header.value != "" {
		return r.credential.header.value
	}
	return r.keyHeader()
}

// credentialField carries over a field with a credential, and reports whether it is one.
func (p *policy) credentialField(name, lower, action string) bool {
	if rewrite.FieldFault(name) != "" {
		return false
	}
	value := p.textIn(p.el.Children[0])
	value = p.route.followed(value)
	folded := apimpolicy.Fold(value.Text)
	if value.Kind == apimpolicy.Expression {
		return p.tokenField(lower, action, folded) || p.movedField(name, lower, folded) || p.claimField(name, folded) || p.unknownCredential(lower)
	}
	if !keyFields[lower] && lower != strings.ToLower(p.keyHeader()) && !p.secretNamed(value) {
		return false
	}
	if scheme, rest, found := strings.Cut(value.Text, " "); found && lower == "authorization" && strings.EqualFold(scheme, "Bearer") {
		value.Text = strings.TrimSpace(rest) // the edge puts Bearer in front of what has no scheme
	}
	ref, why := p.route.secret(value, environName(p.name+" "+name))
	switch {
	case why != "":
		p.refused(Request, why)
	case p.ownCredential():
		p.refused(Request, secondCredential)
	case action == "skip":
		p.refused(Request, "the caller's own key goes first (exists-action skip); auth of an upstream replaces it")
	default:
		if action == "append" {
			p.note("the caller's key is replaced, where this puts the new one behind it")
		}
		if ref.note != "" {
			p.note(ref.note)
		}
		p.key = &sourced[ownKey]{ownKey{name, ref.ref}, p.from()}
		p.carried(ofUpstream + "auth")
	}
	return true
}

// unknownCredential lists a credential that an expression makes.
func (p *policy) unknownCredential(lower string) bool {
	if !isKeyField(lower, p.route) {
		return false
	}
	p.refused(Request, "a credential out of an expression; apim-edge evaluates none. What a token, a key or a managed identity can do, credential and auth do (docs/credentials.md, docs/upstream-credentials.md)")
	return true
}

// followed replaces a variable whose value is known by that value.
func (r *route) followed(v apimpolicy.Value) apimpolicy.Value {
	if v.Kind != apimpolicy.Expression {
		return v
	}
	if name, ok := variableIn(apimpolicy.Fold(v.Text)); ok && r.variables[name].constant != nil {
		return *r.variables[name].constant
	}
	return v
}

// secretNamed reports whether a value is a named value that is a secret.
func (p *policy) secretNamed(v apimpolicy.Value) bool {
	m := namedValue.FindStringSubmatch(v.Text)
	return m != nil && m[0] == v.Text && (p.in.NamedValues[m[1]].Secret || p.in.NamedValues[m[1]].Vault != "")
}

// tokenField carries over Authorization with the token of a managed identity.
func (p *policy) tokenField(lower, action, folded string) bool {
	if lower != "authorization" {
		return false
	}
	rest, bearer := behindBearer(folded)
	if !bearer {
		rest = folded
	}
	name, ok := variableIn(rest)
	known := p.variables[name]
	if !ok || known.identity == nil {
		return false
	}
	switch {
	case p.ownCredential():
		p.refused(Request, secondCredential)
		return true
	case !bearer:
		p.note("Bearer stands in front of the token, which this leaves out")
	case action == "skip":
		p.note("the token replaces what the caller sends, where this leaves it (exists-action skip)")
	}
	p.identity = &sourced[identity]{*known.identity, p.from()}
	p.carried(ofUpstream + "auth.managed_identity")
	return true
}

const fieldOf = `(?:\(string\))?context\.Request\.Headers(?:\.GetValueOrDefault\("([\w-]+)"(?:,"[^"]*")?\)|\["([\w-]+)"\](?:\[0\]|\.First\(\)|\.FirstOrDefault\(\))?)`

var (
	wholeField = regexp.MustCompile(`^` + fieldOf + `$`)
	keyOutOf   = regexp.MustCompile(`^` + fieldOf + `\??\.(?:Replace\("(?i:Bearer) ",(?:""|string\.Empty|String\.Empty)\)|Substring\((?:7|"Bearer "\.Length)\)|Split\(' '\)(?:\[1\]|\.Last\(\)|\.LastOrDefault\(\)|\?\[1\])|TrimStart\("Bearer "\.ToCharArray\(\)\))(?:\.Trim\(\))?$`)
)

// movedField carries over what the edge is made for: the caller's key in another field.
func (p *policy) movedField(name, lower, folded string) bool {
	from, value := "", ""
	if m := keyOutOf.FindStringSubmatch(folded); m != nil && strings.EqualFold(m[1]+m[2], "authorization") {
		from = "authorization"
	} else if m := wholeField.FindStringSubmatch(folded); m != nil && isKeyField(strings.ToLower(m[1]+m[2]), p.route) {
		from = strings.ToLower(m[1] + m[2])
	} else if rest, ok := behindBearer(folded); ok && lower == "authorization" {
		if m := wholeField.FindStringSubmatch(rest); m != nil && isKeyField(strings.ToLower(m[1]+m[2]), p.route) {
			from, value = strings.ToLower(m[1]+m[2]), "Bearer {key}"
		}
	}
	switch {
	case from == "":
		return false
	case from == lower:
		p.nothing(p.spot, "the field stays as it is")
		return true
	case lower == "authorization" && value == "":
		return false
	}
	p.credential.value = sourced[string]{value, p.from()}
	p.keyGoesInto(name)
	return true
}

// keyGoesInto carries over that the upstream looks for the caller's key in this field.
func (p *policy) keyGoesInto(name string) {
	p.credential.header = sourced[string]{name, p.from()}
	p.note("apim-edge takes a key from wherever clients put it (docs/credentials.md), and leaves a token in Authorization")
	p.carried(p.routeKey("credential.header"))
}

const tokenOf = `(?:\(\(Jwt\)context\.Variables\["([^"]+)"\]\)|context\.Request\.Headers\.GetValueOrDefault\("Authorization"(?:,"[^"]*")?\)(?:\.Split\(' '\)(?:\[1\]|\.Last\(\)))?\.AsJwt\(\))`

var claimOf = regexp.MustCompile(`^` + tokenOf + `\??\.(?:Claims\.GetValueOrDefault\("(\w+)"(?:,"[^"]*")?\)|Claims\["(\w+)"\](?:\[0\]|\.FirstOrDefault\(\)|\.First\(\))|(Subject|Issuer|Id))$`)

var claimNames = map[string]string{"Subject": "sub", "Issuer": "iss", "Id": "jti"}

// claimField carries over a field that tells the upstream what a token says.
func (p *policy) claimField(name, folded string) bool {
	m := claimOf.FindStringSubmatch(folded)
	if m == nil || len(p.tokens) == 0 || m[1] != "" && p.variables[m[1]].policy == "" {
		return false
	}
	said := m[2] + m[3] + claimNames[m[4]]
	for _, c := range p.claims {
		if c.name == said || strings.EqualFold(c.field, name) {
			p.refused(Request, "the claim or the field is in forward_claims already, which has one field for each claim")
			return true
		}
	}
	p.claims = append(p.claims, claim{said, name, p.from()})
	p.note("a claim with several values is joined by commas")
	p.carried(p.routeKey("forward_claims"))
	return true
}

// host carries over a Host field that is the upstream's own, or the caller's.
func (p *policy) host() {
	value := p.textIn(p.el.Children[0])
	switch apimpolicy.Fold(value.Text) {
	case "context.Request.OriginalUrl.Host", `context.Request.Headers.GetValueOrDefault("Host","")`, `context.Request.Headers.GetValueOrDefault("Host")`:
		p.preserveHost = &sourced[string]{"true", p.from()}
		p.carried(ofUpstream + "preserve_host")
		return
	}
	text, why := p.route.text(value)
	if why != "" {
		p.refused(Request, why)
		return
	}
	p.later(func() {
		for _, t := range p.targets {
			if !strings.EqualFold(hostOf(t.url), text) {
				p.refused(Request, "another Host than that of the upstream's URL, "+hostOf(t.url)+"; apim-edge sends that of the URL")
				return
			}
		}
		p.nothing(p.spot, "the upstream gets the host of its URL")
	})
}
