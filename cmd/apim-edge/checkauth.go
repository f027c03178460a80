package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/azure"
	"github.com/apim-edge/apim-edge/internal/identity/keyring"
	"github.com/apim-edge/apim-edge/internal/report"
)

// credentials returns one line for each upstream that apim-edge shows a credential of its
// own, with what it would come from on this machine: a variable that is set by mistake
// changes that without a word.
func credentials(conf config.Config) (lines []string) {
	for _, name := range withAuth(conf) {
		a := conf.Upstreams[name].Auth
		line := fmt.Sprintf("upstream %s: %s from %s", name, a.Header, a.Source())
		switch {
		case a.Value == "":
			line += "; here that is " + azure.Source(a.ManagedIdentity.ClientID)
		case strings.HasPrefix(a.Value, "keyvault:") || strings.HasPrefix(a.Secondary, "keyvault:"):
			line += "; here the vault is asked by " + azure.Source(azure.VaultClientID())
		}
		lines = append(lines, line)
	}
	return lines
}

func withAuth(conf config.Config) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(conf.Upstreams)) {
		if conf.Upstreams[name].Auth.Set() {
			names = append(names, name)
		}
	}
	return names
}

// onlinePatience bounds what --online waits for one answer: the library would repeat its
// questions for minutes.
const onlinePatience = 20 * time.Second

// askAll asks vaults for every secret that is referred to, and the identity endpoint for
// every token, and prints a line for each.
func askAll(ctx context.Context, out io.Writer, conf config.Config, p keyring.Platform) error {
	failed := 0
	ask := func(key string, a config.Auth) {
		limited, cancel := context.WithTimeout(ctx, onlinePatience)
		defer cancel()
		for _, answer := range keyring.Ask(limited, p, a) {
			said := answer.Said
			switch {
			case errors.Is(answer.Err, context.DeadlineExceeded):
				said = fmt.Sprintf("FAILS: no answer within %v", onlinePatience)
			case answer.Err != nil:
				said = "FAILS: " + answer.Err.Error()
			}
			if answer.Err != nil {
				failed++
			}
			fmt.Fprintf(out, "online: %s: %s: %s\n", key, answer.Source, said) //nolint:errcheck // nobody is left to tell
		}
	}
	for _, r := range conf.Vaulted() {
		ask(r.Key, config.Auth{Value: r.Ref})
	}
	for _, name := range withAuth(conf) {
		if a := conf.Upstreams[name].Auth; a.Value == "" {
			ask(config.Key("upstreams", name, "auth", "managed_identity"), a)
		}
	}
	if failed > 0 {
		return errors.New(report.Counted(failed, "source") + " gave nothing")
	}
	return nil
}
