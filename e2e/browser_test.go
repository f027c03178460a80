//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// browserConfig allows one page, and names nothing else: the rest of the
// policy is the default. The second route leads to nobody.
const browserConfig = `
log: {format: json}
upstreams:
  legacy: {url: "%[1]s"}
  nobody: {url: "http://%[2]s"}
routes:
  openai: {path_prefix: /, upstream: legacy, cors: {allowed_origins: ["%[3]s"]}}
  down: {path_prefix: /down, upstream: nobody, cors: {allowed_origins: ["%[3]s"]}}
`

// browserCase is a case of browser_cases.mjs and what has to be seen of it.
type browserCase struct {
	name string
	// reaches is what reaches upstream, by method; nil: nothing does.
	reaches []string
	// preflight is the status of the edge's answer to the preflight; 0: none came.
	preflight int
	refused   bool // the access line says that the origin was refused
}

func TestBrowserOfAnotherOriginGetsThrough(t *testing.T) {
	upstream := serveUpstream(t, lookalike.Options{PrimaryKey: subscriptionKey, CORS: lookalike.CORSLegacy})
	page, stranger := servePage(t), servePage(t)
	under := edge.Run(t, fmt.Sprintf(browserConfig, upstream.URL, testkit.Unused(t), page))

	cases := []browserCase{
		{name: "streamed_answer_on_screen", reaches: []string{"POST"}, preflight: 204},
		{name: "plain_answer_by_azure_client", reaches: []string{"POST"}, preflight: 204},
		{name: "models", reaches: []string{"GET"}, preflight: 204},
		{name: "upload", reaches: []string{"POST"}, preflight: 204},
		{name: "upstream_401_is_a_401", reaches: []string{"POST"}, preflight: 204},
		{name: "upstream_429_tells_when_to_come_back", reaches: []string{"POST"}, preflight: 204},
		{name: "own_502_is_a_502", preflight: 204},
		{name: "refused_origin_is_refused", preflight: 204, refused: true},
		// Seen by the look-alike alone: the preflight that it answers like APIM.
		{name: "without_the_edge_it_is_a_cors_error", reaches: []string{"OPTIONS"}},
	}
	lines := runScript(t, "http://"+under.Address(), "unused", "env", "E2E_PAGE="+page, "E2E_STRANGER_PAGE="+stranger,
		"E2E_DIRECT="+upstream.URL, "E2E_ARTIFACTS="+artifacts(t), "E2E_CHROMIUM="+chromium(t),
		node(t), "sdk/node/browser_cases.mjs")
	var all []sdkCase
	for _, c := range cases {
		all = append(all, sdkCase{name: c.name})
	}
	expectExactly(t, all, lines)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.judge(t, under, upstream, lines[c.name]) })
	}
	checkLog(t, under)
}

func (c browserCase) judge(t *testing.T, e *edge.Edge, u *upstream, line caseLine) {
	if !line.OK {
		t.Error(line.Detail)
	}
	var reached []string
	for _, r := range u.all() {
		if strings.HasPrefix(r.Target, "/"+c.name+"/") {
			reached = append(reached, r.Method)
		}
	}
	if !slices.Equal(reached, c.reaches) {
		t.Errorf("reached upstream: %q, want %q", reached, c.reaches)
	}
	if c.preflight == 0 {
		return
	}
	preflight, err := e.AwaitLine("the access line of the preflight", func(l edge.Line) bool {
		return l.Message == "exchange" && l.Method == "OPTIONS" && strings.Contains(l.Path, "/"+c.name+"/")
	})
	testkit.Must(t, err)
	if preflight.Status != c.preflight || preflight.Cause != "preflight" || (preflight.Refused != "") != c.refused {
		t.Errorf("preflight: got %s; want status %d, refused %v", preflight.Text, c.preflight, c.refused)
	}
}

// servePage serves the page at an origin of its own.
func servePage(t *testing.T) (origin string) {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "page.js")
	esbuild := exec.Command(node(t), installed(t, "sdk/node/node_modules/esbuild/bin/esbuild"),
		"sdk/node/browser/page.mjs", "--bundle", "--platform=browser", "--format=iife", "--outfile="+bundle)
	if out, err := esbuild.CombinedOutput(); err != nil {
		t.Fatalf("bundle the page: %v\n%s", err, out)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "sdk/node/browser/page.html")
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bundle) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// artifacts is where screenshots are kept.
func artifacts(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("artifacts")
	testkit.Must(t, err)
	return folder
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no chromium; run e2e/install first")
	return ""
}
