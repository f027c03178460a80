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
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// patience bounds what a test waits for; nothing takes that long unless it never
// comes.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	os.Exit(edge.Main(m, func(string) error { return nil }))
}

// startNode runs a script of testdata until the test ends.
func startNode(t *testing.T, script string) (in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this test compares with Node's parser: %v", err)
	}
	cmd := exec.Command(node, filepath.Join("testdata", script))
	in, err = cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return in, bufio.NewReader(stdout)
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
