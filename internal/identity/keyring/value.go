package keyring

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/upkeep"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// A Platform gives out tokens and secrets (package azure). It may be asked from several
// goroutines.
type Platform interface {
	// Token asks for a token for a resource; clientID may be empty.
	Token(ctx context.Context, clientID, resource string) (upkeep.Reading, error)
	// Secret asks a vault for a secret; version may be empty.
	Secret(ctx context.Context, vault, name, version string) (upkeep.Reading, error)
}

// source is one place that a value comes from. Two that are equal give the same.
type source struct {
	// ref is the reference; empty: the managed identity of clientID, for resource.
	ref, clientID, resource string
}

// sourcesOf returns the sources of a credential, the first one first.
func sourcesOf(a config.Auth) []source {
	if a.Value == "" {
		return []source{{clientID: a.ManagedIdentity.ClientID, resource: a.ManagedIdentity.Resource}}
	}
	all := []source{{ref: a.Value}}
	if a.Secondary != "" {
		all = append(all, source{ref: a.Secondary})
	}
	return all
}

// String says what the source is. It is no secret.
func (s source) String() string {
	if s.ref != "" {
		return s.ref
	}
	if s.clientID == "" {
		return "managed identity for " + s.resource
	}
	return "managed identity " + s.clientID + " for " + s.resource
}

// local reports whether nobody is asked over a network.
func (s source) local() bool {
	return strings.HasPrefix(s.ref, "env:") || strings.HasPrefix(s.ref, "file:")
}

// How often values are looked at, and how long that may take. A token says itself when
// it is due. Azure's library repeats its questions: the metadata service may be gone for
// 70 s while it is updated.
const (
	lookAtFile  = 5 * time.Second
	lookAtVault = 5 * time.Minute
	localTime   = 5 * time.Second
	vaultTime   = time.Minute
	tokenTime   = 100 * time.Second
)

// upkeep returns how the source is kept current.
func (s source) upkeep(platform func() Platform) upkeep.Options {
	switch {
	case s.ref == "":
		return upkeep.Options{Deadline: tokenTime, Fetch: func(ctx context.Context) (upkeep.Reading, error) {
			return fit(platform().Token(ctx, s.clientID, s.resource))
		}}
	case s.local():
		return upkeep.Options{Deadline: localTime, Period: lookAtFile, Fetch: func(context.Context) (upkeep.Reading, error) {
			return fit(readLocal(s.ref))
		}}
	}
	return upkeep.Options{Deadline: vaultTime, Period: lookAtVault, Fetch: func(ctx context.Context) (upkeep.Reading, error) {
		return fit(askVault(ctx, platform(), s.ref))
	}}
}

func readLocal(ref string) (upkeep.Reading, error) {
	from, err := secret.Parse(ref)
	if err != nil {
		return upkeep.Reading{}, err
	}
	value, err := from.Current()
	return upkeep.Reading{Value: value}, err
}

func askVault(ctx context.Context, p Platform, ref string) (upkeep.Reading, error) {
	from, err := secret.Parse(ref)
	if err != nil {
		return upkeep.Reading{}, err
	}
	v := from.(secret.Vaulted) // Parse has three kinds, and local knows the others
	return p.Secret(ctx, v.Vault, v.Name, v.Version)
}

// maxValue bounds a value as rewrite bounds those of clients.
const maxValue = 16 << 10

var (
	errUnfit = errors.New("it holds line breaks or other characters that no field can hold")
	errLong  = errors.New("it is longer than 16 KiB")
)

// fit refuses what cannot stand in a field: it would end the line, and what comes behind
// it would be a field of its own. Space around it, as editors leave it, is taken off.
func fit(r upkeep.Reading, err error) (upkeep.Reading, error) {
	if err != nil {
		return r, err
	}
	text := strings.TrimSpace(r.Value.Reveal())
	switch {
	case len(text) > maxValue:
		return upkeep.Reading{}, errLong
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }):
		return upkeep.Reading{}, errUnfit
	}
	r.Value = secret.New(text)
	return r, nil
}

// inField returns a value as it stands in the field of an upstream, nil for none. In
// Authorization one without a scheme is a Bearer's.
func inField(field string, v secret.Value) []byte {
	text := v.Reveal()
	switch {
	case text == "":
		return nil
	case strings.EqualFold(field, "Authorization") && !strings.Contains(text, " "):
		return []byte("Bearer " + text)
	}
	return []byte(text)
}
