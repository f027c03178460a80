package secret

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
)

// Vaulted is a secret in a vault of Azure. As a Source it has what Vaults is told.
type Vaulted struct {
	// Vault is the URL of the vault: https and its host.
	Vault string
	// Name is that of the secret. An empty Version is the newest one.
	Name, Version string
}

var (
	errVaulted = errors.New("keyvault: must be followed by the URL of a secret, for example keyvault:https://contoso.vault.azure.net/secrets/name, " +
		"with /version behind it where it is not to change")
	vaultedName = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	vaultHost   = regexp.MustCompile(`^[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)+(:[0-9]{1,5})?$`)
)

// parseVaulted reads the URL of a secret, as the portal shows it. The error does not
// repeat it: somebody may have written keyvault: in front of the secret itself.
func parseVaulted(text string) (Source, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !vaultHost.MatchString(u.Host) {
		return nil, errVaulted
	}
	parts := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	if len(parts) < 3 || len(parts) > 4 || parts[1] != "secrets" {
		return nil, errVaulted
	}
	v := Vaulted{Vault: "https://" + strings.ToLower(u.Host), Name: parts[2]}
	if len(parts) == 4 {
		v.Version = parts[3]
	}
	if !vaultedName.MatchString(v.Name) || len(parts) == 4 && !vaultedName.MatchString(v.Version) {
		return nil, errVaulted
	}
	return v, nil
}

func (v Vaulted) String() string {
	return strings.TrimSuffix("keyvault:"+v.Vault+"/secrets/"+v.Name+"/"+v.Version, "/")
}

// Current implements Source. It never asks the vault by itself.
func (v Vaulted) Current() (Value, error) {
	open := vaults.Load()
	if open == nil {
		return Value{}, fmt.Errorf("%v: %w", v, ErrNotAsked)
	}
	value, err := (*open)(v)
	if err != nil {
		return value, fmt.Errorf("%v: %w", v, err)
	}
	return value, nil
}

// ErrNotAsked is the error of a vaulted secret where nobody asks vaults: before the edge
// serves, and in all commands that work without a network.
var ErrNotAsked = errors.New("the vault is not asked here")

// vaults answers for vaulted secrets. It is of the process, because a reference is
// parsed in many places, none of which knows who asks vaults.
var vaults atomic.Pointer[func(Vaulted) (Value, error)]

// UseVaults has current answer for all vaulted secrets until stop is called. It returns
// the last good value together with an error, like any Source.
func UseVaults(current func(Vaulted) (Value, error)) (stop func()) {
	mine := &current
	vaults.Store(mine)
	return func() { vaults.CompareAndSwap(mine, nil) }
}
