//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// TestABrowserNamesWhatWasRefused holds what Chromium's console says of a method and
// of a field that are not allowed, and that nothing of it reaches upstream: not even
// a POST, which browsers send once the origin is allowed and its fields are.
func TestABrowserNamesWhatWasRefused(t *testing.T) {
	upstream := serveUpstream(t, keyed)
	page := &scripted{}
	origin := page.serve(t)
	asked := edge.Run(t, fmt.Sprintf(refusingEdge, upstream.URL, origin))
	page.script = fmt.Sprintf(`(async () => {
		for (const [path, method, headers] of [
			['/field', 'POST', {'X-Team': 'a'}], ['/method', 'PURGE', {}], ['/get/post', 'POST', {'api-key': 'k'}], ['/fine', 'POST', {'api-key': 'k'}],
		]) {
			try { console.log(path + ' answered ' + (await fetch(%q + path, {method, headers})).status); } catch { console.log(path + ' failed'); }
		}
	})()`, "http://"+asked.Address())

	told := console(t, origin)
	for _, want := range []string{
		"Request header field x-team is not allowed by Access-Control-Allow-Headers in preflight response", "/field failed",
		"Method PURGE is not allowed by Access-Control-Allow-Methods in preflight response", "/method failed",
		"/get/post failed", "/fine answered 404",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the console does not say %q:\n%s", want, told)
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
