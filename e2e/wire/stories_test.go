//go:build e2e

package wire

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

var rewriting = flag.Bool("rewrite", false, "rewrite what the stories want that differs from what is seen; read README.md first")

// theatreUnderTest is made once for the whole package.
var theatreUnderTest *theatre

func TestMain(m *testing.M) {
	if head, address, secure := peer.Role(); head != "" {
		actKilledUpstream(head, address, secure)
	}
	// What the edge itself shows to an upstream, in stories about that.
	for name, value := range map[string]string{"STORY_KEY": "k3y-own", "STORY_KEY2": "k3y-second"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(edge.Main(m, func(dir string) (err error) {
		theatreUnderTest, err = newTheatre(dir, func(dir, config string) (edgeUnderTest, error) { return edge.New(dir, config) })
		return err
	}))
}

// atOnce bounds the stories that are told at the same time: each has an edge
// of its own.
const atOnce = 8

// TestStories tells every file of testdata against the real binary.
func TestStories(t *testing.T) {
	slots := make(chan struct{}, atOnce)
	for _, file := range testkit.Files(t, "testdata/*/*.txtar") {
		name := strings.TrimSuffix(filepath.ToSlash(strings.TrimPrefix(file, "testdata"+string(filepath.Separator))), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			tellFile(t, file)
		})
	}
}

func tellFile(t *testing.T, file string) {
	t.Helper()
	text := testkit.Read(t, file)
	outline, err := parseSections([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	end := theatreUnderTest.tell(t.TempDir(), outline)
	if len(end.faults) > 0 && *rewriting && end.seen != nil {
		rewritten, again := retell(t, []byte(text), end)
		if len(again.faults) == 0 {
			t.Logf("%s is rewritten: %s", file, strings.Join(end.faults, "\n  "))
			testkit.Must(t, os.WriteFile(file, rewritten, 0o644))
			return
		}
		t.Errorf("%s cannot be rewritten: as\n%s\nit still says %s", file, rewritten, strings.Join(again.faults, "\n  "))
	}
	if len(end.faults) == 0 {
		if rewritten := end.seen.rewrite([]byte(text)); !bytes.Equal(rewritten, []byte(text)) {
			t.Errorf("%s holds, and would be rewritten as\n%s", file, rewritten)
		}
		return
	}
	if len(end.faults) > 0 {
		t.Errorf("%s\n%s:\n  %s\n\n%s", outline.promise, file, strings.Join(end.faults, "\n  "), end.transcript)
	}
}

// retell plays a story as it is rewritten: only one that holds then is kept.
func retell(t *testing.T, text []byte, end *told) (rewritten []byte, again *told) {
	t.Helper()
	rewritten = end.seen.rewrite(text)
	outline, err := parseSections(rewritten)
	if err != nil {
		return rewritten, untold(err)
	}
	return rewritten, theatreUnderTest.tell(t.TempDir(), outline)
}
