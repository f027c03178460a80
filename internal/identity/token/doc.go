// Package token says whether a token passes a policy. A token is a JWS (RFC 7515), or a
// JWE (RFC 7516) whose inside is one: decryption alone authenticates nobody. The package
// is pure: keys and time are handed in, so that a verdict can be tabled, fuzzed and
// explained.
//
//	p, err := token.New("staff", options)
//	claims, refusal := p.Verify(text, now, sets)
//
// The parser is go-jose's. In front of it stands a check of our own (form.go, header.go)
// that refuses what could be read in two ways: one token has one text.
//
// The checks run in one order, the cheap ones first, and each has a name by which
// refusals and `apim-edge explain` speak of it.
package token
