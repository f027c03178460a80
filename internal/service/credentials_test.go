package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/azure"
	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// wanting is an upstream that wants one of the keys that are good now, or else 401.
type wanting struct{ good sync.Map }

func (w *wanting) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("api-key") + r.Header.Get("Authorization")
	if _, ok := w.good.Load(key); !ok {
		out.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(out, "right %s", r.URL.Path) //nolint:errcheck // a test's end
}

func want(t *testing.T, keys ...string) (url string, w *wanting) {
	t.Helper()
	w = &wanting{}
	for _, key := range keys {
		w.good.Store(key, true)
	}
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	return s.URL, w
}

// nowhere takes the variables away by which a place of Azure is told.
func nowhere(t *testing.T) {
	t.Helper()
	for _, name := range []string{"IDENTITY_SERVER_THUMBPRINT", "AZURE_FEDERATED_TOKEN_FILE", "IMDS_ENDPOINT", "MSI_ENDPOINT"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	t.Setenv("AZURE_CLIENT_ID", fmt.Sprintf("00000000-0000-4000-b000-%012x", identities.Add(1)))
}

// identities makes them: the library keeps tokens in one cache for the whole process.
var identities = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(time.Now().UnixNano() & 0xffffff << 8)
	return &n
}()

const fromVault = `
upstreams: {east: {url: "{UPSTREAM}", auth: {value: "keyvault:https://contoso.vault.azure.net/secrets/aoai", secondary: "env:KEY2"}}}
routes: {openai: {path_prefix: /, open: true}}
`

// TestAKeyOfAVaultServesThroughAnOutageAndARotation goes the way of an operator: the
// vault fails while requests come, a reload happens meanwhile, and then the key is
// replaced.
func TestAKeyOfAVaultServesThroughAnOutageAndARotation(t *testing.T) {
	nowhere(t)
	t.Setenv("KEY2", "second")
	cloud := &azuretest.Cloud{}
	cloud.Vault.Set("aoai", azuretest.Secret{Value: "first"})
	url, upstream := want(t, "first")
	r := startOn(t, url, fromVault, azure.New(azure.Options{Transport: cloud}))
	r.wantRight("/1")
	cloud.Vault.Fail(503)
	r.write(strings.ReplaceAll(fromVault, "{UPSTREAM}", url) + "timeouts: {connect: 6s}\n")
	if status, body := r.admin("POST", "/reload"); status != 200 {
		t.Fatalf("the reload: %d %s", status, body)
	}
	r.wantRight("/2") // the upstream is another one to the edge, and has the key all the same
	upstream.good.Store("second", true)
	upstream.good.Delete("first")
	r.wantRight("/3")
	r.eventually("an alarm", func() bool { return r.log.Has("the second stays in use") })
	if _, metrics := r.admin("GET", "/metrics"); !strings.Contains(metrics, `apim_edge_upstream_credential_secondary_in_use{upstream="east"} 1`) {
		t.Errorf("no alarm in the metrics:\n%s", metrics)
	}
	if status, body := r.admin("GET", "/readyz"); status != 200 {
		t.Errorf("unready: %s", body)
	}
	r.Stop("signal")
}

// TestAnOutageDuringLoadLosesNothing holds that every answer is right while the vault
// fails, a reload happens and the first key is replaced, under clients that never pause.
func TestAnOutageDuringLoadLosesNothing(t *testing.T) {
	nowhere(t)
	t.Setenv("KEY2", "second")
	cloud := &azuretest.Cloud{}
	cloud.Vault.Set("aoai", azuretest.Secret{Value: "first"})
	url, upstream := want(t, "first")
	r := startOn(t, url, fromVault, azure.New(azure.Options{Transport: cloud}))
	var clients sync.WaitGroup
	var answers, wrong atomic.Int64
	over := make(chan struct{})
	for n := range 8 {
		clients.Go(func() {
			for ; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				path := fmt.Sprint("/", n)
				request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: edge\r\napi-key: mine\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n%s", path, strings.Repeat("x", 1000))
				if got := r.aside().raw(request); !strings.HasSuffix(got, "right "+path) {
					wrong.Add(1)
					t.Errorf("%s is answered with %q", path, got)
				}
				answers.Add(1)
			}
		})
	}
	for _, happens := range []func(){
		func() { cloud.Vault.Fail(503) },
		func() {
			r.write(strings.ReplaceAll(fromVault, "{UPSTREAM}", url) + "timeouts: {connect: 6s}\n")
			if status, body := r.admin("POST", "/reload"); status != 200 {
				t.Errorf("the reload: %d %s", status, body)
			}
		},
		func() { upstream.good.Store("second", true); upstream.good.Delete("first") },
	} {
		happens()
		seen := answers.Load()
		r.eventually("50 more answers", func() bool { return answers.Load() > seen+50 || wrong.Load() > 0 })
	}
	close(over)
	clients.Wait()
	r.eventually("an alarm", func() bool { return r.log.Has("the second stays in use") })
	r.Stop("signal")
}

func (r *running) wantRight(path string) {
	r.t.Helper()
	if got := r.get(path); !strings.HasSuffix(got, "right "+path) {
		r.t.Errorf("%s is answered with %q", path, got)
	}
}

// TestATokenOfAppServiceIsShown goes through the sockets that the edge opens itself.
func TestATokenOfAppServiceIsShown(t *testing.T) {
	nowhere(t)
	cloud := &azuretest.Cloud{}
	cloud.Identity.Header = "proof"
	endpoint := httptest.NewServer(cloud)
	t.Cleanup(endpoint.Close)
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "proof")
	url, _ := want(t, "Bearer token-1")
	r := start(t, url, `
upstreams: {west: {url: "{UPSTREAM}", auth: {managed_identity: {resource: "https://cognitiveservices.azure.com", client_id: `+os.Getenv("AZURE_CLIENT_ID")+`}}}}
routes: {openai: {path_prefix: /, open: true}}
`)
	r.wantRight("/1")
	if status, body := r.admin("GET", "/readyz"); status != 200 || body != "ready\n" {
		t.Errorf("/readyz: %d %s", status, body)
	}
	r.Stop("signal")
	endpoint.CloseClientConnections()
}

// TestWithoutItsCredentialAnUpstreamIsNotAsked holds the start without an identity: a
// clear state, and an answer that says so.
func TestWithoutItsCredentialAnUpstreamIsNotAsked(t *testing.T) {
	nowhere(t)
	l := testkit.Listen(t)
	cloud := &azuretest.Cloud{}
	cloud.Vault.Fail(403)
	r := startOn(t, "http://"+l.Addr().String(), fromVaultAlone, azure.New(azure.Options{Transport: cloud}))
	if got := r.get("/1"); !strings.Contains(got, "503 Service Unavailable") || !strings.Contains(got, "x-apim-edge-error: upstream_credential_missing") || !strings.Contains(got, "Retry-After: 5") {
		t.Errorf("answered with %q", got)
	}
	status, body := r.admin("GET", "/readyz")
	if status != 503 || !strings.Contains(body, "credentials of upstreams: upstream east: keyvault:https://contoso.vault.azure.net/secrets/aoai: the vault answers 403") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	r.Stop("signal")
}

const fromVaultAlone = `
upstreams: {east: {url: "{UPSTREAM}", auth: {value: "keyvault:https://contoso.vault.azure.net/secrets/aoai"}}}
routes: {openai: {path_prefix: /, open: true}}
`

// TestATokenForTheOperatorMayComeFromAVault holds a secret that is no credential of an
// upstream.
func TestATokenForTheOperatorMayComeFromAVault(t *testing.T) {
	nowhere(t)
	cloud := &azuretest.Cloud{}
	cloud.Vault.Set("admin", azuretest.Secret{Value: "op"})
	r := startOn(t, upstream(t), minimal+"admin: {token: 'keyvault:https://contoso.vault.azure.net/secrets/admin'}\n", azure.New(azure.Options{Transport: cloud}))
	for token, want := range map[string]int{"op": 200, "other": 401} {
		resp := testkit.Ask(t, r.http, http.MethodGet, "http://"+r.AdminAddress+"/config", "", "Authorization", "Bearer "+token)
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", token, resp.StatusCode, want)
		}
	}
	r.Stop("signal")
}

// TestAMissingKeyIsToldAtTheStart holds what only this machine is asked for.
func TestAMissingKeyIsToldAtTheStart(t *testing.T) {
	r := start(t, upstream(t), minimal)
	r.write("upstreams: {legacy: {url: 'http://127.0.0.1:1', auth: {value: 'env:NO_SUCH_KEY'}}}\nroutes: {openai: {path_prefix: /, open: true}}\n")
	status, body := r.admin("POST", "/reload")
	if status != 422 || !strings.Contains(body, "upstreams.legacy.auth: env:NO_SUCH_KEY: the environment variable is not set") {
		t.Errorf("the reload: %d %s", status, body)
	}
	if got := r.get("/1"); !strings.Contains(got, "200 OK") {
		t.Errorf("the old configuration answers %q", got)
	}
	r.Stop("signal")
}
