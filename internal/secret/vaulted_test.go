package secret

import (
	"errors"
	"testing"
)

func TestTheURLOfAVaultedSecret(t *testing.T) {
	for _, tc := range []struct{ name, ref, want string }{
		{"the newest version", "keyvault:https://contoso.vault.azure.net/secrets/aoai", "keyvault:https://contoso.vault.azure.net/secrets/aoai"},
		{"one version", "keyvault:https://contoso.vault.azure.net/secrets/aoai/0123456789abcdef", "keyvault:https://contoso.vault.azure.net/secrets/aoai/0123456789abcdef"},
		{"as the portal writes it", "keyvault:https://Contoso.vault.azure.net/secrets/Aoai-1/", "keyvault:https://contoso.vault.azure.net/secrets/Aoai-1"},
		{"another cloud", "keyvault:https://contoso.vault.usgovcloudapi.net/secrets/a", "keyvault:https://contoso.vault.usgovcloudapi.net/secrets/a"},
		{"a literal", "keyvault:" + canary, ""},
		{"not encrypted", "keyvault:http://contoso.vault.azure.net/secrets/a", ""},
		{"a key and no secret", "keyvault:https://contoso.vault.azure.net/keys/a", ""},
		{"no name", "keyvault:https://contoso.vault.azure.net/secrets/", ""},
		{"more behind it", "keyvault:https://contoso.vault.azure.net/secrets/a/1/2", ""},
		{"a name that is no name", "keyvault:https://contoso.vault.azure.net/secrets/a%2Fb", ""},
		{"a query", "keyvault:https://contoso.vault.azure.net/secrets/a?api-version=7.4", ""},
		{"somebody's password", "keyvault:https://a:" + canary + "@contoso.vault.azure.net/secrets/a", ""},
		{"no domain", "keyvault:https://contoso/secrets/a", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source, err := Parse(tc.ref)
			if tc.want == "" {
				if !errors.Is(err, errVaulted) || source != nil {
					t.Errorf("Parse(%q) = %v, %v", tc.ref, source, err)
				}
				return
			}
			if err != nil || source.String() != tc.want {
				t.Errorf("Parse(%q) = %v, %v, want %s", tc.ref, source, err, tc.want)
			}
		})
	}
}

// TestAVaultIsNotAskedByWhoeverNamesIt holds that a value comes from who keeps it, and
// that there is none without.
func TestAVaultIsNotAskedByWhoeverNamesIt(t *testing.T) {
	const ref = "keyvault:https://contoso.vault.azure.net/secrets/a"
	source := mustParse(t, ref)
	if _, err := source.Current(); !errors.Is(err, ErrNotAsked) {
		t.Errorf("the error is %v", err)
	}
	failing := errors.New("out of reach")
	stop := UseVaults(func(v Vaulted) (Value, error) { return New("last good one of " + v.Name), failing })
	expect(t, source, "last good one of a", ref+": out of reach")
	UseVaults(func(Vaulted) (Value, error) { return New("of another service"), nil })
	stop()
	expect(t, source, "of another service", "")
	vaults.Store(nil)
}
