//go:build e2e

package oracle

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds what a test waits for; nothing takes that long unless it never
// comes.
const patience = 20 * time.Second

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
// EDGE_BINARY names one that is built already.
func startEdge(t *testing.T, upstream string) string {
	t.Helper()
	dir := t.TempDir()
	binary := os.Getenv("EDGE_BINARY")
	if binary == "" {
		binary = filepath.Join(dir, "apim-edge")
		build := exec.Command("go", "build", "-o", binary, "./cmd/apim-edge")
		build.Dir = filepath.Join("..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build apim-edge: %v\n%s", err, out)
		}
	}
	conf := filepath.Join(dir, "edge.yaml")
	text := fmt.Sprintf("listen: {address: \"127.0.0.1:0\"}\nadmin: {address: \"\"}\nlog: {access: false}\nupstreams: {legacy: {url: \"http://%s\"}}\n", upstream)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--config", conf)
	cmd.Stdout = writer
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = reader.Close()
	})
	lines := bufio.NewReader(reader)
	for {
		line, err := lines.ReadString('\n')
		var entry struct{ Message, Listener, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "listening" && entry.Listener == "clients" {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return entry.Address
		}
		if err != nil {
			t.Fatalf("the edge does not listen: %v\n%s", err, line)
		}
	}
}
