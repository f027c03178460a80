//go:build e2e

package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// provider is a certified OpenID provider that others have written (npm oidc-provider).
type provider struct {
	t                *testing.T
	Issuer, Audience string
	in               io.Writer
	out              *bufio.Scanner
}

func startProvider(t *testing.T) *provider {
	t.Helper()
	in, out := testkit.Talk(t, exec.Command(node(t), "sdk/node/oidc_provider.mjs"))
	p := &provider{t: t, in: in, out: bufio.NewScanner(out)}
	p.answer(p)
	return p
}

// answer reads the next line of JSON; what the provider logs besides is none.
func (p *provider) answer(v any) {
	p.t.Helper()
	for p.out.Scan() {
		if strings.HasPrefix(p.out.Text(), "{") {
			testkit.Must(p.t, json.Unmarshal(p.out.Bytes(), v))
			return
		}
	}
	p.t.Fatalf("the provider has ended: %v", p.out.Err())
}

// do has the provider do something, and waits until it has.
func (p *provider) do(what string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		p.t.Fatal(err)
	}
	p.answer(&struct{}{})
}

// token asks for one as an application does (RFC 6749 section 4.4).
func (p *provider) token() string {
	p.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"models"}, "resource": {p.Audience}}
	resp := testkit.Ask(p.t, http.DefaultClient, http.MethodPost, p.Issuer+"/token", form.Encode(),
		"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("app:not-a-secret")), "Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
		Error string
	}
	if testkit.JSON(p.t, resp.Text, &answer); answer.Token == "" {
		p.t.Fatalf("no token: %s", answer.Error)
	}
	return answer.Token
}

// decryptionKey makes a key: its private half in a file, its public one as a JWK.
func decryptionKey(t *testing.T) (file, jwk string) {
	t.Helper()
	file, k := identitytest.DecryptionKey(t)
	b64 := base64.RawURLEncoding.EncodeToString
	return file, fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q}`, b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()))
}

// guarded runs an edge whose route asks for a token of the provider, and waits for the
// keys. more stands in the policy.
func guarded(t *testing.T, p *provider, upstream, more string) *edge.Edge {
	t.Helper()
	e := edge.Run(t, fmt.Sprintf(`
admin: {address: "127.0.0.1:0"}
log: {format: json}
upstreams: {models: {url: "%s"}}
token_policies:
  provider:
    openid_configs: ["%s/.well-known/openid-configuration"]
    audiences: ["%s"]
    required_claims: {roles: {values: [Model.Use]}, scope: {values: [models]}}
    %s
routes:
  models:
    require: {token: [provider]}
    forward_claims: {sub: X-Caller, roles: X-Roles}
`, upstream, p.Issuer, p.Audience, more))
	awaitLine(t, e, "keys of an issuer are there")
	return e
}

// TestOpenAIPythonThroughATokenPolicy: a token of the SDK's own provider passes, and what
// the SDK shows of a refusal says what to do.
func TestOpenAIPythonThroughATokenPolicy(t *testing.T) {
	p := startProvider(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop",
			"message":{"role":"assistant","content":"hello, %s"}}]}`, r.Header.Get("X-Caller"))
	}))
	defer upstream.Close()
	e := guarded(t, p, upstream.URL, "")
	good := p.token()
	wantPython(t, e, []pythonAnswer{
		{"provider", good, 200, "hello, app"},
		{"provider", good + "AAAA", 401, "the signature of the token is not the issuer's"},
		{"provider", "no-token", 401, "the credential is a key, and this route asks for a token"},
	})
}

// TestTokensOfACertifiedProvider: tokens of RS256 and ES256, encrypted ones, a rotation,
// a key that is withdrawn, and an outage, before and after the edge has seen the keys.
func TestTokensOfACertifiedProvider(t *testing.T) {
	p := startProvider(t)
	file, jwk := decryptionKey(t)
	told := make(chan string, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("X-Caller") + " " + r.Header.Get("X-Roles")
	}))
	defer upstream.Close()
	e := guarded(t, p, upstream.URL, `decryption_keys: ["file:`+file+`"]`)
	ask := func(token string) (int, string) {
		t.Helper()
		resp := testkit.Ask(t, http.DefaultClient, http.MethodGet, "http://"+e.Address()+"/v1/models", "", "Authorization", "Bearer "+token)
		if resp.StatusCode == http.StatusOK {
			if got := <-told; got != "app Model.Use" {
				t.Errorf("the upstream was told %q", got)
			}
		}
		return resp.StatusCode, resp.Header.Get("x-apim-edge-error")
	}
	want := func(what, token string, status int, code string) {
		t.Helper()
		if got, error := ask(token); got != status || error != code {
			t.Errorf("%s: %d %q, want %d %q", what, got, error, status, code)
		}
	}
	old := p.token()
	want("RS256", old, 200, "")
	want("RS256 once more", old, 200, "")
	p.do("rotate ES256")
	want("ES256, with a key that is new", p.token(), 200, "")
	want("RS256, whose key is still published", old, 200, "")
	p.do("encrypt " + jwk)
	encrypted := p.token()
	if strings.Count(encrypted, ".") != 4 {
		t.Fatalf("not encrypted: %s", encrypted)
	}
	want("encrypted", encrypted, 200, "")
	want("encrypted, and cut", encrypted[:len(encrypted)-4], 401, "token_invalid")
	p.do("encrypt")
	p.do("rotate RS256")
	p.do("withdraw")
	want("RS256, with a key that is new", p.token(), 200, "")
	want("RS256, whose key was withdrawn", old, 401, "token_invalid")

	last := p.token()
	p.do("away")
	want("the provider is away, the key is known", last, 200, "")
	if _, err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	testkit.Must(t, e.Start())
	awaitLine(t, e, "an issuer cannot be asked, and has not been reached since the start")
	want("the provider was never reached", last, 503, "keys_unavailable")
	if _, err := e.Get("/readyz"); err == nil || !strings.Contains(err.Error(), "no keys of issuers: "+p.Issuer) {
		t.Errorf("/readyz: %v", err)
	}
	p.do("back")
	var unready error
	if !testkit.Eventually(testkit.Patience, func() bool {
		_, unready = e.Get("/readyz")
		return unready == nil
	}) {
		t.Fatal(unready)
	}
	want("the provider is back", last, 200, "")
	for _, secret := range []string{old, last, encrypted} {
		for _, part := range strings.Split(secret, ".") {
			if len(part) > 40 && strings.Contains(e.Log(), part) {
				t.Error("a part of a token stands in the log")
			}
		}
	}
}
