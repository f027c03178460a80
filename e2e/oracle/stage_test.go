//go:build e2e

package oracle

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// patience is how long an answer may be in coming of which more is asked for.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	os.Exit(edge.Main(m, func(string) error { return nil }))
}

// startNode runs a script of testdata until the test ends.
func startNode(t *testing.T, script string) (in io.Writer, out *bufio.Reader) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this test compares with Node's parser: %v", err)
	}
	cmd := exec.Command(node, filepath.Join("testdata", script))
	cmd.Stderr = os.Stderr
	return testkit.Talk(t, cmd)
}

func firstLine(t *testing.T, out *bufio.Reader) string {
	t.Helper()
	text, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("the program has said nothing: %v", err)
	}
	return strings.TrimSpace(text)
}

// startEdge runs the built binary in front of upstream and returns its address.
func startEdge(t *testing.T, upstream string) string {
	t.Helper()
	return edge.Run(t, fmt.Sprintf("log: {access: false}\nupstreams: {legacy: {url: \"http://%s\"}}\n", upstream)).Address()
}
