package azuretest

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Vault gives out secrets to whoever shows a token.
type Vault struct {
	// Challenge is the resource that it wants a token for; empty: that of Azure's
	// public cloud.
	Challenge string
	// Asked counts the requests with a token, Unproved those without.
	Asked, Unproved atomic.Int64

	mu      sync.Mutex
	secrets map[string]Secret
	status  int
}

// Secret is one secret with its attributes.
type Secret struct {
	Value              string
	Disabled           bool
	NotBefore, Expires time.Time
}

// Set puts a secret in; name may be name/version.
func (v *Vault) Set(name string, s Secret) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.secrets == nil {
		v.secrets = map[string]Secret{}
	}
	v.secrets[name] = s
}

// Fail answers everything with a status; 0: no more.
func (v *Vault) Fail(status int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status = status
}

func (v *Vault) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		v.Unproved.Add(1)
		resource := v.Challenge
		if resource == "" {
			resource = "https://vault.azure.net"
		}
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555", resource="`+resource+`"`)
		say(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{"code": "Unauthorized", "message": "AKV10000: no token"}})
		return
	}
	v.Asked.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/secrets/"), "/")
	s, found := v.secrets[name]
	switch {
	case v.status != 0:
		say(w, v.status, map[string]any{"error": map[string]any{"code": "Throttled", "message": "it was asked to fail"}})
		return
	case !found:
		say(w, http.StatusNotFound, map[string]any{"error": map[string]any{"code": "SecretNotFound", "message": "A secret with (name/id) " + name + " was not found in this key vault."}})
		return
	case s.Disabled && !strings.Contains(name, "/"): // by its version it is shown, with its attributes
		say(w, http.StatusForbidden, map[string]any{"error": map[string]any{
			"code": "Forbidden", "message": "Operation get is not allowed on a disabled secret.", "innererror": map[string]any{"code": "SecretDisabled"},
		}})
		return
	}
	attributes := map[string]any{"enabled": !s.Disabled, "recoveryLevel": "Recoverable+Purgeable"}
	for key, at := range map[string]time.Time{"nbf": s.NotBefore, "exp": s.Expires} {
		if !at.IsZero() {
			attributes[key] = at.Unix()
		}
	}
	say(w, 200, map[string]any{"value": s.Value, "id": "https://" + r.Host + "/secrets/" + name + "/0123456789abcdef0123456789abcdef", "attributes": attributes})
}
