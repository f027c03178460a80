package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/report"
)

// askIssuers asks everybody whose keys a token policy names, and prints one line for
// each. Vaults are asked by askAll.
func askIssuers(ctx context.Context, out io.Writer, conf config.Config) error {
	failed := 0
	asked := map[token.Place]bool{}
	for _, name := range slices.Sorted(maps.Keys(conf.TokenPolicies)) {
		o := conf.TokenPolicies[name].Options()
		o.DecryptionKeys = nil // they are the operator's, and have been read
		policy, err := token.New(name, o)
		if err != nil {
			continue // that is told already
		}
		for _, place := range policy.Places() {
			if asked[place] || strings.HasPrefix(place.Ref, "keyvault:") {
				continue
			}
			asked[place] = true
			state, err := issuer.Ask(ctx, issuer.Options{}, place)
			if err != nil {
				failed++
			}
			fmt.Fprintf(out, "online: token_policies.%s: %s: %s\n", name, place.Ref, answerOf(state, err)) //nolint:errcheck // nobody is left to tell
		}
	}
	if failed > 0 {
		return errors.New(report.Counted(failed, "issuer") + " did not answer with keys")
	}
	return nil
}

func answerOf(state issuer.State, err error) string {
	if err != nil {
		return "FAILS: " + err.Error()
	}
	text := report.Counted(state.Keys, "key")
	if state.Issuer != "" {
		text += " of " + state.Issuer
	}
	if len(state.Skipped) > 0 {
		text += "; not used: " + strings.Join(state.Skipped, ", ")
	}
	return text
}
