package token

import (
	"strings"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// contentEncryption are all that RFC 7518 section 5.1 has.
var contentEncryption = []jose.ContentEncryption{
	jose.A128GCM, jose.A192GCM, jose.A256GCM, jose.A128CBC_HS256, jose.A192CBC_HS384, jose.A256CBC_HS512,
}

// encryption opens a JWE. What is inside has to be a JWS, whose checks follow: who has
// the public key can encrypt what he likes (CVE-2026-29000).
func (x *examination) encryption() *Refusal {
	x.jws = x.text
	if !x.encrypted {
		return nil
	}
	x.jws = ""
	if len(x.p.decryption) == 0 {
		return refuse(Encryption, "the token is encrypted, and the policy has no decryption_keys")
	}
	first, _, _ := strings.Cut(x.text, ".")
	h, ok := readObject(decode(first))
	if !ok {
		return refuse(Encryption, "the token's header is not one JSON object in which each member stands once")
	}
	if r := unextended(Encryption, h); r != nil {
		return r
	}
	kid, hasID := h.text("kid")
	if h.has("kid") && !hasID {
		return refuse(Encryption, "the kid of the token's header is not a text, or is empty")
	}
	alg, _ := h.text("alg")
	box, err := jose.ParseEncryptedCompact(x.text, x.p.opening, contentEncryption)
	if err != nil {
		return refuse(Encryption, "the encryption of the token (alg, enc) is not one that decryption_keys are for")
	}
	plain, tried := x.open(box, kid, jose.KeyAlgorithm(alg))
	if plain == nil {
		r := refuse(Encryption, "none of decryption_keys opens the token")
		r.Costly = tried
		return r
	}
	x.opened, x.jws = true, string(plain)
	if strings.Count(x.jws, ".") != dotsInJWS || canonical(Encryption, x.jws, false) != nil {
		x.jws = ""
		return refuse(Encryption, "what is encrypted is no signed token")
	}
	return nil
}

// open tries the keys that may be meant. tried tells that one of them was used.
func (x *examination) open(box *jose.JSONWebEncryption, kid string, alg jose.KeyAlgorithm) (plain []byte, tried bool) {
	for _, k := range x.p.decryption {
		if !opens(k, kid, alg) {
			continue
		}
		tried = true
		if plain, err := box.Decrypt(k.Private); err == nil {
			return plain, true
		}
	}
	return nil, tried
}

func opens(k *keyset.DecryptionKey, kid string, alg jose.KeyAlgorithm) bool {
	if k.ID != "" && kid != "" && k.ID != kid {
		return false
	}
	for _, a := range k.Algorithms {
		if a == alg {
			return true
		}
	}
	return false
}
