package token

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// object is a JSON object whose values are not read yet.
type object map[string]json.RawMessage

// readObject reads one JSON object. The package refuses members that stand there twice,
// and text behind the object; it tells upper from lower case. What is not read yet is not
// looked at either, so that all of it is read once more.
func readObject(data []byte) (object, bool) {
	if !utf8.Valid(data) {
		return nil, false
	}
	var o object
	if json.Unmarshal(data, &o) != nil || o == nil { // null is no object
		return nil, false
	}
	var whole any
	d := json.NewDecoder(bytes.NewReader(data))
	d.SetNumberType(json.UnmarshalJSONNumber) // 1e400 is none of the others
	return o, d.Decode(&whole) == nil
}

// text returns a member that is a text and not empty.
func (o object) text(name string) (string, bool) {
	var s *string
	if raw, found := o[name]; !found || json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, *s != ""
}

func (o object) has(name string) bool {
	_, found := o[name]
	return found
}

// graphTrap is for tokens that only Microsoft Graph can verify: the signature was made
// over a nonce that has been hashed since
// (AzureAD/azure-activedirectory-identitymodel-extensions-for-dotnet issue 1334).
const graphTrap = "this token is for Microsoft Graph, and nobody else can verify it; ask for the scope <your api>/.default"

// header looks at the members of a signature's header. What it does not know it leaves
// alone, save what changes the meaning: keys and URLs in it (jwk, jku, x5u, x5c) are
// never used.
func (x *examination) header() *Refusal {
	first, rest, _ := strings.Cut(x.jws, ".")
	x.signed, _, _ = strings.Cut(rest, ".")
	h, ok := readObject(decode(first))
	if !ok {
		return refuse(Header, "the token's header is not one JSON object in which each member stands once")
	}
	if r := unextended(Header, h); r != nil {
		return r
	}
	if h.has("nonce") {
		return refuse(Header, graphTrap)
	}
	if x.alg, ok = h.text("alg"); !ok {
		return refuse(Header, "the token's header has no alg that is a text")
	}
	if !contains(x.p.Options.Algorithms, x.alg) {
		return refuse(Header, "the token's signature (alg) is not one of: "+wanted(x.p.Options.Algorithms))
	}
	if h.has("kid") {
		if x.kid, ok = h.text("kid"); !ok {
			return refuse(Header, "the kid of the token's header is not a text, or is empty")
		}
	}
	return nil
}

// unextended refuses a header that asks for more than this package does.
func unextended(c Check, h object) *Refusal {
	if h.has("crit") { // in whatever form: an empty list is refused as well (RFC 7515 section 4.1.11)
		return refuse(c, "the token's header has crit: no extension is understood")
	}
	if h.has("b64") { // RFC 7797
		return refuse(c, "the token's header has b64, which tokens must not have")
	}
	if h.has("zip") {
		return refuse(c, "the token is compressed, which is not accepted")
	}
	if !h.has("typ") {
		return nil
	}
	typ, _ := h.text("typ")
	switch strings.ToLower(typ) {
	case "jwt", "at+jwt", "application/at+jwt": // RFC 9068 section 2.1
		return nil
	}
	return refuse(c, "the typ of the token is neither JWT nor at+jwt: it is made for another use")
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
