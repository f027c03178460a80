package service

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/azure"
	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
)

const keysInAVault = `
upstreams: {east: {url: "%s"}}
token_policies:
  partner:
    issuers: [https://id.example.com]
    audiences: [api://edge]
    signing_keys: ["keyvault:https://contoso.vault.azure.net/secrets/jwks"]
clients:
  team: {keys: ["%s"], upstream_key: "keyvault:https://contoso.vault.azure.net/secrets/team"}
routes: {openai: {path_prefix: /, require: {token: [partner], client: true}}}
`

// TestKeysOfIssuersAndClientsMayComeFromAVault: they stay in use while the vault is away,
// also behind a reload.
func TestKeysOfIssuersAndClientsMayComeFromAVault(t *testing.T) {
	nowhere(t)
	issuer, key := identitytest.Offline("https://id.example.com"), clientkey.Generate()
	token := issuer.Token("api://edge", nil)
	url, _ := want(t, "of-the-team", "Bearer "+token)
	cloud := &azuretest.Cloud{}
	cloud.Vault.Set("jwks", azuretest.Secret{Value: issuer.Keys()})
	cloud.Vault.Set("team", azuretest.Secret{Value: "of-the-team"})
	file := fmt.Sprintf(keysInAVault, url, clientkey.Hash(key))
	r := startOn(t, url, file, azure.New(azure.Options{Transport: cloud}))
	ask := func(credential, want string) {
		t.Helper()
		got := r.raw("GET /1 HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer " + credential + "\r\nConnection: close\r\n\r\n")
		if !strings.Contains(got, want) {
			t.Errorf("answered with %q, want %q", got, want)
		}
	}
	all := func() {
		t.Helper()
		ask(token, "right /1")
		ask(key, "right /1")
		ask(issuer.Token("api://other", nil), "x-apim-edge-error: token_invalid")
		ask("0123456789abcdef", "x-apim-edge-error: client_unknown")
	}
	all()
	cloud.Vault.Fail(503)
	r.write(file + "timeouts: {connect: 6s}\n")
	if status, body := r.admin("POST", "/reload"); status != 200 {
		t.Fatalf("the reload: %d %s", status, body)
	}
	all()
	r.Stop("signal")
}
