package main

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/azure"
	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
)

// TestCheckOnlineAsksTheIdentityEndpoint asks one that plays App Service on loopback.
func TestCheckOnlineAsksTheIdentityEndpoint(t *testing.T) {
	for _, name := range []string{"IDENTITY_SERVER_THUMBPRINT", "AZURE_FEDERATED_TOKEN_FILE"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	cloud := &azuretest.Cloud{}
	cloud.Identity.Header = "proof"
	server := httptest.NewServer(cloud)
	defer server.Close()
	t.Setenv("IDENTITY_ENDPOINT", server.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "proof")
	t.Setenv("KEY", "s3cret")
	id := fmt.Sprintf("00000000-0000-4000-a000-%012x", time.Now().UnixNano()&0xffffffffffff) // no other test has it
	file := filepath.Join(t.TempDir(), "edge.yaml")
	if err := os.WriteFile(file, []byte(`
upstreams:
  east: {url: "https://east.openai.azure.com", auth: {value: "env:KEY"}}
  west: {url: "https://west.openai.azure.com", auth: {managed_identity: {resource: "https://cognitiveservices.azure.com", client_id: `+id+`}}}
routes:
  east: {path_prefix: /east, upstream: east, open: true}
  west: {path_prefix: /west, upstream: west, open: true}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() (string, error) {
		var out bytes.Buffer
		cmd := newCheckCommand()
		cmd.SetArgs([]string{"--online", file})
		cmd.SetOut(&out)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetContext(t.Context())
		err := cmd.Execute()
		return out.String(), err
	}
	cloud.Identity.Fail(azuretest.Fault{Status: 400, Code: "invalid_request"})
	said, err := run()
	if want := "online: upstreams.west.auth.managed_identity: managed identity " + id + " for https://cognitiveservices.azure.com: FAILS: no token: the identity endpoint answers 400 Bad Request"; err == nil || !strings.Contains(said, want) {
		t.Errorf("error %v, said\n%s\nwant %s", err, said, want)
	}
	said, err = run()
	for _, want := range []string{
		"upstream west: Authorization from the managed identity, for https://cognitiveservices.azure.com; here that is App Service, Functions or Container Apps (IDENTITY_ENDPOINT and IDENTITY_HEADER are set), the identity " + id + "\n",
		": it gives a token until ",
		"ok: 2 routes, 2 upstreams",
	} {
		if err != nil || !strings.Contains(said, want) || strings.Contains(said, "s3cret") || strings.Contains(said, "token-1") {
			t.Errorf("error %v, said\n%s\nwant %s, and no secret", err, said, want)
		}
	}
}

// TestCheckOnlineAsksVaultsForEverySecret holds that those of other keys are asked for as
// well, and that a fault has one line.
func TestCheckOnlineAsksVaultsForEverySecret(t *testing.T) {
	t.Setenv("AZURE_CLIENT_ID", fmt.Sprintf("00000000-0000-4000-c000-%012x", time.Now().UnixNano()&0xffffffffffff))
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_FEDERATED_TOKEN_FILE", "MSI_ENDPOINT", "IMDS_ENDPOINT"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	cloud := &azuretest.Cloud{}
	cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret"})
	const vault = "keyvault:https://contoso.vault.azure.net/secrets/"
	conf := config.Config{
		Admin:     config.Admin{Token: vault + "admin"},
		Upstreams: map[string]config.Upstream{"east": {Auth: config.Auth{Value: vault + "aoai", Secondary: "env:KEY"}, Proxy: vault + "aoai"}},
	}
	var out bytes.Buffer
	err := askAll(t.Context(), &out, conf, azure.New(azure.Options{Transport: cloud}))
	want := "online: admin.token: " + vault + "admin: FAILS: the vault answers 404 (SecretNotFound); is the name of the secret right?\n" +
		"online: upstreams.east.proxy: " + vault + "aoai: it answers\n" +
		"online: upstreams.east.auth.value: " + vault + "aoai: it answers\n"
	if err == nil || out.String() != want {
		t.Errorf("error %v, said\n%swant\n%s", err, &out, want)
	}
}
