package token

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// payload reads what the token says. Nothing is believed yet.
func (x *examination) payload() *Refusal {
	o, ok := readObject(decode(x.signed))
	if !ok {
		return refuse(Payload, "what the token says is not one JSON object in which each member stands once")
	}
	x.claims = o
	return nil
}

// instant is a NumericDate (RFC 7519 section 2) in whole seconds. Exponents and what no
// clock shows are refused: 1e400 is a number, too.
func instant(raw json.RawMessage) (seconds int64, ok bool) {
	whole, fraction, dotted := strings.Cut(string(raw), ".")
	if len(whole) == 0 || len(whole) > 12 || dotted && !digits(fraction) || !digits(whole) {
		return 0, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	return seconds, err == nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (x *examination) expiration() *Refusal {
	raw, found := x.claims["exp"]
	if !found && x.p.Options.AllowNoExpiration {
		return nil
	}
	if !found {
		return refuse(Expiration, "the token has no exp, and one that never expires is not accepted")
	}
	exp, ok := instant(raw)
	if !ok {
		return refuse(Expiration, "the exp of the token is not a number of seconds")
	}
	x.expires = time.Unix(exp, 0).Add(x.p.Options.ClockSkew)
	if x.now.Unix() >= x.expires.Unix() {
		r := refuse(Expiration, "the token has expired; get a new one")
		r.Code = edgeerr.TokenExpired
		return r
	}
	return nil
}

func (x *examination) notBefore() *Refusal {
	raw, found := x.claims["nbf"]
	if !found {
		return nil
	}
	nbf, ok := instant(raw)
	if !ok {
		return refuse(NotBefore, "the nbf of the token is not a number of seconds")
	}
	if x.now.Add(x.p.Options.ClockSkew).Unix() < nbf {
		return refuse(NotBefore, "the token is not valid yet; compare the clocks, or raise clock_skew")
	}
	return nil
}

// graph reports whether an audience is Microsoft Graph.
func graph(audience string) bool {
	audience = strings.ToLower(strings.TrimSuffix(audience, "/"))
	return audience == "https://graph.microsoft.com" || audience == "00000003-0000-0000-c000-000000000000"
}

func (x *examination) audience() *Refusal {
	list, ok := texts(x.claims["aud"])
	if !ok {
		return refuse(Audience, "the aud of the token is neither a text nor a list of texts")
	}
	for _, a := range list {
		if contains(x.p.Options.Audiences, a) {
			return nil
		}
	}
	for _, a := range list {
		if graph(a) {
			return refuse(Audience, graphTrap)
		}
	}
	return refuse(Audience, "the token is made for another API (aud); get one for: "+wanted(x.p.Options.Audiences))
}

// texts reads a text or a list of texts.
func texts(raw json.RawMessage) ([]string, bool) {
	var one *string
	if json.Unmarshal(raw, &one) == nil && one != nil {
		return []string{*one}, true
	}
	var several []*string
	if json.Unmarshal(raw, &several) != nil || several == nil {
		return nil, false
	}
	var list []string
	for _, s := range several {
		if s == nil {
			return nil, false
		}
		list = append(list, *s)
	}
	return list, true
}

// application compares who has asked for the token. Where both members are there, both
// have to be right.
func (x *examination) application() *Refusal {
	allowed := x.p.Options.ClientApplicationIDs
	if len(allowed) == 0 {
		return nil
	}
	known := false
	for _, name := range []string{"azp", "appid"} {
		if !x.claims.has(name) {
			continue
		}
		id, _ := x.claims.text(name)
		known = true
		if !contains(allowed, id) {
			known = false
			break
		}
	}
	if known {
		return nil
	}
	return &Refusal{Code: edgeerr.ClientNotAllowed, Check: Application,
		Text: "the application that has got this token (azp, appid) is not one of client_application_ids"}
}

func (x *examination) required() *Refusal {
	for _, name := range x.p.claims {
		want := x.p.Options.RequiredClaims[name]
		has, found := values(x.claims[name], want.Separator)
		if found && want.satisfied(has) {
			continue
		}
		r := &Refusal{Code: edgeerr.ClaimMissing, Check: Claims, Text: "the token has no claim " + name}
		switch {
		case len(want.Values) > 0 && want.Match == matchAll:
			r.Text += " with all of: " + wanted(want.Values)
		case len(want.Values) > 0:
			r.Text += " with one of: " + wanted(want.Values)
		}
		return r
	}
	return nil
}

func (c Claim) satisfied(has []string) bool {
	if len(c.Values) == 0 {
		return len(has) > 0
	}
	for _, v := range c.Values {
		switch found := contains(has, v); {
		case found && c.Match == matchAny:
			return true
		case !found && c.Match == matchAll:
			return false
		}
	}
	return c.Match == matchAll
}

// values are what a claim says: a text, split where a separator is named, a number or a
// truth value as it is written, or a list of them. An object says nothing.
func values(raw json.RawMessage, separator string) (list []string, found bool) {
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) == nil && several != nil {
		for _, one := range several {
			if s, ok := scalar(one); ok {
				list = append(list, s)
			}
		}
		return list, true
	}
	s, ok := scalar(raw)
	if !ok {
		return nil, false
	}
	if separator == "" {
		return []string{s}, true
	}
	for part := range strings.SplitSeq(s, separator) {
		if part != "" {
			list = append(list, part)
		}
	}
	return list, true
}

func scalar(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) == nil && s != nil {
		return *s, true
	}
	var b *bool
	if json.Unmarshal(raw, &b) == nil && b != nil {
		return strconv.FormatBool(*b), true
	}
	var n *json.Number
	if json.Unmarshal(raw, &n) == nil && n != nil {
		return n.String(), true
	}
	return "", false
}
