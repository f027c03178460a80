//go:build e2e

package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestDemoLinesRunAsPrinted takes the lines that the demo invites to try from
// its output and runs them.
func TestDemoLinesRunAsPrinted(t *testing.T) {
	shown := startDemo(t)
	_, invitation, _ := strings.Cut(shown, "\nTry it\n")
	for _, try := range []struct {
		name, from, to string
		path           string // where its interpreter is, if not on the machine's path
		dir            string // where its packages are
	}{
		{name: "curl", from: "curl -N", to: "}'"},
		{name: "python", from: "python3 - <<'END'", to: "\nEND", path: filepath.Dir(cache(t, "python", "openai-3.57.0", "bin", "python"))},
		{name: "node", from: "node --input-type=module", to: "\nEND", path: filepath.Dir(node(t)), dir: "sdk/node"},
	} {
		t.Run(try.name, func(t *testing.T) {
			start := strings.Index(invitation, try.from)
			if start < 0 {
				t.Fatalf("the demo prints no line %q:\n%s", try.from, shown)
			}
			line := invitation[start:]
			line = line[:strings.Index(line, try.to)+len(try.to)]
			sh := exec.Command("bash", "-c", line+"\n")
			sh.Dir = try.dir
			sh.Env = append(sh.Environ(), "PATH="+try.path+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_PROXY=*")
			out, err := sh.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "You") || !strings.Contains(string(out), "back.") {
				t.Errorf("%s\nprints %q: %v", line, out, err)
			}
		})
	}
}

// TestDemoPageWorks uses the demo's page as a person does.
func TestDemoPageWorks(t *testing.T) {
	shown := startDemo(t)
	_, page, _ := strings.Cut(shown, "\n  Page\n")
	page, _, _ = strings.Cut(page, "\n")
	cases := []sdkCase{
		{name: "demo/answer_through_the_edge"},
		{name: "demo/wrong_key_is_a_401"},
		{name: "demo/without_the_edge_it_is_blocked"},
		{name: "demo/cut_is_told_from_an_end"},
		{name: "demo/upstream_sees_the_client_leave"},
		{name: "demo/page_tells_what_the_edge_tells"},
		{name: "demo/slow_reasoning_says_how_slow"},
		{name: "demo/nothing_covers_the_answer"},
		{name: "demo/text_has_contrast"},
		{name: "demo/keys_reach_everything"},
	}
	lines := runScript(t, "unused", "unused", "env", "E2E_PAGE="+strings.TrimSpace(page),
		"E2E_ARTIFACTS="+artifacts(t), "E2E_CHROMIUM="+chromium(t), node(t), "sdk/node/demo_cases.mjs")
	expectExactly(t, cases, lines)
	for name, line := range lines {
		t.Run(name, func(t *testing.T) {
			if !line.OK {
				t.Error(line.Detail)
			}
		})
	}
}

// startDemo runs the demo until the end of the test and returns what it shows
// until it only serves.
func startDemo(t *testing.T) (shown string) {
	t.Helper()
	cmd := exec.Command(edge.Built, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--page", "127.0.0.1:0", "--upstream", "127.0.0.1:0")
	cmd.Stderr = io.Discard
	demo := testkit.Run(t, cmd)
	t.Cleanup(func() {
		demo.Signal(syscall.SIGINT)
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo after Ctrl-C: %v", err)
		}
	})
	testkit.Must(t, demo.Await(func() bool { return strings.Contains(demo.Said(), "Serving until Ctrl-C") }))
	return demo.Said()
}
