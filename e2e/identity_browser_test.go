//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestAPageReadsWhyItsTokenIsRefused: a page of an allowed origin calls with a token, and
// the upstream is shown a key. It reads the answer, and of a refusal the status, the code
// and the text. WWW-Authenticate it reads where exposed_headers names it. A page of
// another origin reads nothing.
func TestAPageReadsWhyItsTokenIsRefused(t *testing.T) {
	upstream := serveUpstream(t, keyed)
	issuer, keys := entra(t)
	page, stranger := &scripted{}, &scripted{}
	origin, other := page.serve(t), stranger.serve(t)
	routes := fmt.Sprintf(`hidden: {path_prefix: /hidden, strip_prefix: /hidden, upstream: keyed, require: {token: [staff]}, cors: {allowed_origins: [%[1]q]}}
  shown: {path_prefix: /shown, strip_prefix: /shown, upstream: keyed, require: {token: [staff]}, cors: {allowed_origins: [%[1]q], exposed_headers: [WWW-Authenticate]}}`, origin)
	e := edge.Run(t, fmt.Sprintf(bothWorlds, upstream.URL, testkit.File(t, "key", subscriptionKey), upstream.SecureURL, certificate.CertFile,
		keys, clientkey.Hash(clientkey.Generate()), routes))
	page.script = fmt.Sprintf(`(async () => {
		const tokens = {good: %q, expired: %q};
		for (const route of ['/hidden', '/shown']) for (const [name, token] of Object.entries({...tokens, none: ''})) {
			const tell = (text) => console.log('page: ' + route + ' ' + name + ': ' + text);
			try {
				const answer = await fetch(%q + route + %q, {
					method: 'POST', headers: {'Content-Type': 'application/json', ...(token && {Authorization: 'Bearer ' + token})}, body: %q,
				});
				const told = await answer.json();
				tell([answer.status, answer.headers.get('x-apim-edge-error'), answer.headers.get('www-authenticate'),
					told.choices ? told.choices[0].message.content.split('\n')[0] : told.error.message].join(' | '));
			} catch (error) { tell('failed'); }
		}
	})()`, entraToken(issuer, nil), entraToken(issuer, identitytest.Claims{"exp": 1}), "http://"+e.Address(), chatV1, hello)
	stranger.script = page.script

	told := console(t, origin)
	for _, want := range []string{
		"page: /hidden good: 200 |  |  | You said: Hello",
		"page: /hidden expired: 401 | token_expired |  | the token has expired; get a new one",
		"page: /hidden none: 401 | token_missing |  | ",
		"page: /shown good: 200 |  |  | You said: Hello",
		`page: /shown expired: 401 | token_expired | Bearer realm="apim-edge", error="invalid_token" | the token has expired; get a new one`,
		`page: /shown none: 401 | token_missing | Bearer realm="apim-edge" | `,
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the page does not say %q:\n%s", want, told)
		}
	}
	if told := console(t, other); strings.Count(told, ": failed") != 6 || !strings.Contains(told, "blocked by CORS policy") {
		t.Errorf("a page of another origin reads something:\n%s", told)
	}
	if reached := upstream.all(); len(reached) != 2 {
		t.Errorf("%d requests reached the upstream, want those of the good token", len(reached))
	}
	for _, r := range upstream.all() {
		if key := lines(r, "api-key"); len(key) != 1 || key[0] != subscriptionKey || len(lines(r, "authorization")) != 0 {
			t.Errorf("the upstream was shown api-key %q, Authorization %q", key, lines(r, "authorization"))
		}
	}
	checkLog(t, e)
}

// scripted is a page that is nothing but a script.
type scripted struct{ script string }

func (s *scripted) serve(t *testing.T) (origin string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<script>%s</script>", s.script)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// console opens a page in Chromium, and returns what is said on its console.
func console(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*testkit.Patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, chromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
		"--no-proxy-server", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=10000", "--dump-dom", url).CombinedOutput()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	return string(out)
}
