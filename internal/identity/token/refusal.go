package token

import "github.com/apim-edge/apim-edge/internal/edgeerr"

// Check is one thing that a token is asked for.
type Check uint8

// The checks, in the order in which they run.
const (
	Form Check = iota
	Encryption
	Header
	Payload
	Issuer
	Expiration
	NotBefore
	Audience
	Key
	Signature
	Application
	Claims
	checks
)

// String returns the name of the check: log and explain use it.
func (c Check) String() string {
	return [...]string{
		"form", "encryption", "header", "payload", "issuer", "expiration", "not_before",
		"audience", "key", "signature", "client_application", "required_claims",
	}[c]
}

// Refusal says why a token does not pass. It holds nothing that the token says.
type Refusal struct {
	Code  edgeerr.Code
	Check Check
	// Text is for the client: what failed, and what would pass.
	Text string
	// Unknown is not nil where no key of the issuer has the token's kid. It may be a
	// new one.
	Unknown *UnknownKey
	// Costly: refusing the token has cost a private-key operation.
	Costly bool
}

// UnknownKey is a key that a token names, and where it is missing. The id is what the
// token says: it is for whoever asks the issuer, and is not shown.
type UnknownKey struct {
	ID     string
	Places []int // as in Policy.Places
}

// Error implements error.
func (r *Refusal) Error() string { return r.Check.String() + ": " + r.Text }

func refuse(c Check, text string) *Refusal {
	return &Refusal{Code: edgeerr.TokenInvalid, Check: c, Text: text}
}
