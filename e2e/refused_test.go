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
)

// TestABrowserNamesWhatWasRefused holds what Chromium's console says of a method and
// of a field that are not allowed, and that nothing of it reaches upstream: not even
// a POST, which browsers send once the origin is allowed and its fields are.
func TestABrowserNamesWhatWasRefused(t *testing.T) {
	upstream, err := startUpstream(keyed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(upstream.Close)
	var script string
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<script>%s</script>", script)
	}))
	t.Cleanup(page.Close)
	asked := edge.Run(t, fmt.Sprintf(refusingEdge, upstream.URL, page.URL))
	script = fmt.Sprintf(`(async () => {
		for (const [path, method, headers] of [
			['/field', 'POST', {'X-Team': 'a'}], ['/method', 'PURGE', {}], ['/get/post', 'POST', {'api-key': 'k'}], ['/fine', 'POST', {'api-key': 'k'}],
		]) {
			try { console.log(path + ' answered ' + (await fetch(%q + path, {method, headers})).status); } catch { console.log(path + ' failed'); }
		}
	})()`, "http://"+asked.Address())

	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, chromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
		"--no-proxy-server", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=10000", "--dump-dom", page.URL).CombinedOutput()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	for _, want := range []string{
		"Request header field x-team is not allowed by Access-Control-Allow-Headers in preflight response", "/field failed",
		"Method PURGE is not allowed by Access-Control-Allow-Methods in preflight response", "/method failed",
		"/get/post failed", "/fine answered 404",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the console does not say %q:\n%s", want, out)
		}
	}
	for _, r := range upstream.all() {
		if r.Target != "/fine" {
			t.Errorf("%s %s has reached upstream", r.Method, r.Target)
		}
	}
}

const refusingEdge = `
log: {format: json}
upstreams: {legacy: {url: "%[1]s"}}
routes:
  all: {path_prefix: /, upstream: legacy, cors: {allowed_origins: ["%[2]s"]}}
  get: {path_prefix: /get, upstream: legacy, cors: {allowed_origins: ["%[2]s"], allowed_methods: [GET]}}
`
