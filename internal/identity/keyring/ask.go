package keyring

import (
	"context"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// Answer is what a source of a credential has answered, once.
type Answer struct {
	Source string
	Said   string // without the value
	Err    error
}

// Ask asks every source of a credential once, for people who want to know whether it
// works. ctx bounds all of it.
func Ask(ctx context.Context, p Platform, a config.Auth) (all []Answer) {
	for _, s := range sourcesOf(a) {
		reading, err := s.upkeep(func() Platform { return p }).Fetch(ctx)
		answer := Answer{Source: s.String(), Said: "it answers", Err: err}
		switch end := reading.Expires.UTC().Format(time.RFC3339); {
		case reading.Expires.IsZero():
		case s.ref == "":
			answer.Said = "it gives a token until " + end
		default:
			answer.Said += ", with a secret until " + end
		}
		all = append(all, answer)
	}
	return all
}
