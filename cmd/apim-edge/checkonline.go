package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/internal/identity/token"
)

// askIssuers asks everybody whose keys a token policy names, and prints one line for
// each. It reports whether all have answered.
func askIssuers(cmd *cobra.Command, conf config.Config) (ok bool) {
	ok = true
	asked := map[token.Place]bool{}
	for _, name := range slices.Sorted(maps.Keys(conf.TokenPolicies)) {
		o := conf.TokenPolicies[name].Options()
		o.DecryptionKeys = nil // they are the operator's, and have been read
		policy, err := token.New(name, o)
		if err != nil {
			continue // that is told already
		}
		for _, place := range policy.Places() {
			if asked[place] {
				continue
			}
			asked[place] = true
			state, err := issuer.Ask(cmd.Context(), issuer.Options{}, place)
			fmt.Fprintf(cmd.OutOrStdout(), "token_policies.%s: %s: %s\n", name, place.Ref, answerOf(state, err))
			ok = ok && err == nil
		}
	}
	return ok
}

func answerOf(state issuer.State, err error) string {
	if err != nil {
		return "failed: " + err.Error()
	}
	text := counted(state.Keys, "key")
	if state.Issuer != "" {
		text += " of " + state.Issuer
	}
	if len(state.Skipped) > 0 {
		text += "; not used: " + strings.Join(state.Skipped, ", ")
	}
	return text
}
