package doctor

import "github.com/apim-edge/apim-edge/internal/hint"

// reach is how far a request has come.
type reach uint8

const (
	unanswered     reach = iota
	stopped              // somebody on the way has answered
	noOperation          // API Management has nothing of that path
	keyUnseen            // it has seen no key
	keyRefused           // it has seen one, and does not take it
	turnedAway           // one of its policies has refused
	tokenRefused         // one that looks at tokens has
	serviceRefused       // the service behind it does not take the credential
	broken               // something has failed behind it
	accepted             // credentials and path are right
)

// reach tells how far the request has come that was answered so.
func (a Answer) reach() reach {
	if a.Status == 0 {
		return unanswered
	}
	switch a.known {
	case hint.PageInsteadOfAPI, hint.LoginWanted, hint.KeyLostOnTheWay:
		return stopped
	case hint.OperationUnknown:
		return noOperation
	case hint.KeyMissing, hint.KeyOrApplicationTokenMissing, hint.KeyInOtherField, hint.TokenInsteadOfKey:
		return keyUnseen
	case hint.KeyInvalid:
		return keyRefused
	case hint.JWTMissing, hint.JWTInvalid:
		return tokenRefused
	case hint.ServiceKeyInvalid, hint.ServiceTokenInvalid, hint.ServiceRoleMissing, hint.ServiceKeysDisabled:
		return serviceRefused
	case hint.QuotaExhausted, hint.AddressRefused, hint.RateLimited, hint.TokensLimited, hint.ServiceNetwork:
		return turnedAway
	}
	switch {
	case a.Status == 401 && a.known == hint.Unknown && a.WantsKeyIn != "":
		return keyUnseen // in words of the operator
	case a.Status >= 500, a.EdgeError != "":
		return broken
	case a.Status == 401, a.Status == 403, a.Status >= 300 && a.Status < 400:
		return turnedAway
	case a.Status == 405, a.Status == 404 && a.known == hint.Unknown && !a.service:
		return noOperation // API Management leaves the body out where a version is wrong
	}
	return accepted
}

// seen reports whether the key check of API Management has found a key.
func (a Answer) seen() bool {
	switch a.reach() {
	case unanswered, stopped, noOperation, keyUnseen:
		return false
	}
	return true
}
