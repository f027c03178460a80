package config

import (
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Auth is the credential that apim-edge itself shows to an upstream
// (docs/upstream-credentials.md). It is off where neither value nor
// managed_identity says what.
type Auth struct {
	// The field in which the upstream expects the value. In Authorization a value
	// without a scheme is sent behind Bearer.
	Header string `koanf:"header"`
	// The value: env:NAME, file:/path, or a secret of a vault as
	// keyvault:https://VAULT/secrets/NAME. What changes there is used within
	// seconds (file) or minutes (keyvault), without a reload.
	Value string `koanf:"value" secret:"reference"`
	// A second value for the time in which the first is replaced. It is used
	// from the first 401 of the upstream on, until value is another one.
	Secondary string `koanf:"secondary" secret:"reference"`
	// Send the caller's credentials on as well, save in the field of this one.
	KeepCaller bool `koanf:"keep_caller"`
	// Show a token of the identity that the platform gives to apim-edge.
	ManagedIdentity ManagedIdentity `koanf:"managed_identity"`
}

// ManagedIdentity is an identity of Azure without a secret: of a virtual machine,
// App Service, Container Apps, Arc, or of a workload in Kubernetes. The token goes
// into Authorization.
type ManagedIdentity struct {
	// Whom the token is for, as in APIM's policy authentication-managed-identity:
	// https://cognitiveservices.azure.com, or an application's id or URI.
	Resource string `koanf:"resource"`
	// The client id of a user-assigned identity. Empty: the system-assigned one,
	// or that of AZURE_CLIENT_ID with workload identity.
	ClientID string `koanf:"client_id"`
}

// Set reports whether there is such a credential.
func (a Auth) Set() bool { return a.Value != "" || a.ManagedIdentity != ManagedIdentity{} }

// Source says where the credential comes from, in words for people. It is no secret.
func (a Auth) Source() string {
	switch {
	case a.Value == "":
		return "the managed identity, for " + a.ManagedIdentity.Resource
	case a.Secondary != "":
		return a.Value + ", or " + a.Secondary + " where that is refused"
	}
	return a.Value
}

func (a Auth) complete() Auth {
	switch {
	case a.ManagedIdentity.Resource != "":
		fill(&a.Header, "Authorization")
	case a.Value != "":
		fill(&a.Header, "api-key")
	}
	return a
}

// guarded reports whether a route says who may pass, or that everybody may.
func (r Route) guarded() bool { return r.Open || len(r.Require.Token) > 0 || r.Require.Client }

// entrusted refuses a route that would hand an upstream's credential to everybody.
func (v *checker) entrusted(key string, r Route) {
	for _, up := range r.UpstreamNames() {
		if !v.config.Upstreams[up].Auth.Set() || r.guarded() {
			continue
		}
		v.fault(key, "", "upstreams."+up+".auth would be used by everybody who reaches this route; say who may pass (require.token, require.client), or write open: true if that is meant", "")
	}
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (v *checker) auth(key string, a Auth) {
	identity := option.Child(key, "managed_identity")
	switch {
	case a == Auth{}:
		return
	case !a.Set():
		v.fault(key, "", "there is nothing to show: write value or managed_identity", "")
		return
	case a.Value != "" && a.ManagedIdentity != ManagedIdentity{}:
		v.fault(identity, "", "there is a value as well; an upstream gets one of the two", "")
		return
	case a.Value != "":
		v.fault(option.Child(key, "value"), "", referenceFault(a.Value), "")
	default:
		v.managedIdentity(identity, a.ManagedIdentity)
		if !strings.EqualFold(a.Header, "Authorization") && a.Header != "" {
			v.fault(option.Child(key, "header"), "", "a token of a managed identity goes into Authorization", "")
		}
	}
	if a.Secondary != "" {
		v.secondary(option.Child(key, "secondary"), a)
	}
	for _, f := range (rewrite.Options{Header: a.Header}).Faults() {
		if f.Key == "header" {
			v.option(key, f)
		}
	}
}

func (v *checker) secondary(key string, a Auth) {
	switch {
	case a.Value == "":
		v.fault(key, "", "there is no value that it could stand in for", "")
	case a.Secondary == a.Value:
		v.fault(key, "", "it is the same as value", "")
	default:
		v.fault(key, "", referenceFault(a.Secondary), "")
	}
}

const audience = "/.default"

func (v *checker) managedIdentity(key string, m ManagedIdentity) {
	u, err := url.Parse(m.Resource)
	switch resource := option.Child(key, "resource"); {
	case m.Resource == "":
		v.fault(resource, "", "the resource is missing, such as https://cognitiveservices.azure.com", "")
	case strings.HasSuffix(m.Resource, audience):
		v.fault(resource, option.Show(m.Resource), "a resource is written without "+audience, strings.TrimSuffix(m.Resource, audience))
	case err != nil || !guid.MatchString(m.Resource) && u.Scheme == "":
		v.wrong(resource, option.Show(m.Resource), "a URI or the id of an application", "")
	}
	if m.ClientID != "" && !guid.MatchString(m.ClientID) {
		v.wrong(option.Child(key, "client_id"), option.Show(m.ClientID), "the client id of an identity, such as 11111111-2222-3333-4444-555555555555", "")
	}
}

// IsVaulted reports whether an error only says that vaults are not asked here: a command
// without a network does without such a value.
func IsVaulted(err error) bool { return errors.Is(err, secret.ErrNotAsked) }

// Reference is a value that the configuration has from elsewhere.
type Reference struct{ Key, Ref string }

// Vaulted returns what the configuration has from vaults, in the order of its keys.
func (c Config) Vaulted() (all []Reference) {
	vaultedIn("", field{typ: configType}, reflect.ValueOf(c), &all)
	return all
}

func vaultedIn(key string, f field, value reflect.Value, all *[]Reference) {
	switch shapeOf(f.typ) {
	case section:
		for _, sub := range fieldsOf(f.typ) {
			vaultedIn(option.Child(key, sub.key), sub, value.Field(sub.index), all)
		}
	case named:
		for _, name := range sortedNames(value) {
			vaultedIn(option.Child(key, name), f.below(), value.MapIndex(reflect.ValueOf(name)), all)
		}
	case listed:
		for i := range value.Len() {
			vaultedIn(option.Element(key, i), f.below(), value.Index(i), all)
		}
	case list:
		for i := range value.Len() {
			vaultedIn(option.Element(key, i), f.below(), value.Index(i), all)
		}
	case pairs:
		for _, name := range sortedNames(value) {
			vaultedIn(option.Child(key, name), f.below(), value.MapIndex(reflect.ValueOf(name)), all)
		}
	case text:
		if f.secret() && strings.HasPrefix(value.String(), "keyvault:") {
			*all = append(*all, Reference{key, value.String()})
		}
	}
}
