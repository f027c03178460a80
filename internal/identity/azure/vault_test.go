package azure

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
	"github.com/apim-edge/apim-edge/internal/identity/upkeep"
)

const vault = "https://contoso.vault.azure.net"

// asking returns a platform with a vault, whose identity is that of this test.
func asking(t *testing.T) (*Platform, *azuretest.Cloud) {
	t.Helper()
	alone(t)
	t.Setenv("AZURE_CLIENT_ID", somebody(t))
	cloud := &azuretest.Cloud{}
	return New(Options{Transport: cloud}), cloud
}

func TestAVaultIsAskedWithATokenForItself(t *testing.T) {
	p, cloud := asking(t)
	cloud.Vault.Set("key", azuretest.Secret{Value: "newest"})
	cloud.Vault.Set("key/1", azuretest.Secret{Value: "older"})
	for version, want := range map[string]string{"": "newest", "1": "older"} {
		got, err := p.Secret(t.Context(), vault, "key", version)
		if err != nil || got.Value.Reveal() != want || !got.Expires.IsZero() {
			t.Errorf("version %q: %q, %v; want %q", version, got.Value.Reveal(), err, want)
		}
	}
	if without, with := cloud.Vault.Unproved.Load(), cloud.Vault.Asked.Load(); without != 1 || with != 2 {
		t.Errorf("%d requests without a token and %d with one, want 1 and 2", without, with)
	}
	if seen := cloud.Identity.Requests(); len(seen) != 1 || !strings.Contains(seen[0], "resource=https%3A%2F%2Fvault.azure.net") {
		t.Errorf("tokens were asked for by %q", seen)
	}
}

// TestAVaultThatWantsATokenForOthersGetsNone holds the library's check: any host could
// ask for a token that opens another one.
func TestAVaultThatWantsATokenForOthersGetsNone(t *testing.T) {
	p, cloud := asking(t)
	cloud.Vault.Set("key", azuretest.Secret{Value: "x"})
	cloud.Vault.Challenge = "https://management.azure.com"
	if got, err := p.Secret(t.Context(), vault, "key", ""); err == nil {
		t.Errorf("got %v", got)
	}
	if n := cloud.Vault.Asked.Load(); n != 0 {
		t.Errorf("it was shown a token %d times", n)
	}
}

func TestTheAttributesOfASecretAreHeeded(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		name      string
		secret    azuretest.Secret
		version   string
		withdrawn bool
		want      string // of the error; empty: none
	}{
		{"valid now", azuretest.Secret{NotBefore: now.Add(-time.Hour), Expires: now.Add(time.Hour)}, "", false, ""},
		{"disabled", azuretest.Secret{Disabled: true}, "", true, "the secret is disabled"},
		{"a disabled version", azuretest.Secret{Disabled: true}, "1", true, "the secret is disabled"},
		{"expired", azuretest.Secret{Expires: now.Add(-time.Hour)}, "", true, "the secret has expired at "},
		{"not yet valid", azuretest.Secret{NotBefore: now.Add(time.Hour)}, "", false, "the secret is not valid before "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, cloud := asking(t)
			tc.secret.Value = "value"
			cloud.Vault.Set(strings.TrimSuffix("key/"+tc.version, "/"), tc.secret)
			got, err := p.Secret(t.Context(), vault, "key", tc.version)
			if tc.want == "" {
				if err != nil || got.Value.Reveal() != "value" || !got.Expires.Equal(tc.secret.Expires.Truncate(time.Second)) {
					t.Errorf("got %q until %v, %v", got.Value.Reveal(), got.Expires, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, upkeep.ErrWithdrawn) != tc.withdrawn || !got.Value.IsZero() {
				t.Errorf("got %q, %v; want %q, withdrawn: %v", got.Value.Reveal(), err, tc.want, tc.withdrawn)
			}
			if !tc.secret.NotBefore.IsZero() && !got.Refresh.Equal(tc.secret.NotBefore.Truncate(time.Second)) {
				t.Errorf("to be asked again at %v, want %v", got.Refresh, tc.secret.NotBefore)
			}
		})
	}
}

func TestWhatAVaultRefusesIsSaid(t *testing.T) {
	for status, want := range map[int]string{
		403: "the vault answers 403 (Throttled); the identity needs the role Key Vault Secrets User",
		404: "the vault answers 404 (SecretNotFound); is the name of the secret right?",
	} {
		p, cloud := asking(t)
		if status != 404 {
			cloud.Vault.Fail(status)
		}
		_, err := p.Secret(t.Context(), vault, "key", "")
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%d: %q, want %q", status, err, want)
		}
	}
}
