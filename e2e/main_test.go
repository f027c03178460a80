//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The secrets that cross the edge. They are marked, so that a search of the
// log finds each of them, and shaped like real ones.
const (
	subscriptionKey = "0123456789abcdef0123e2ekey456789"
	otherKey        = "sk-e2eother0000000000000000000000000000000000000"
	// token is an unsigned look-alike of an Entra token: nobody here checks a
	// signature, everybody looks at the shape.
	token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6ImUyZSJ9" +
		".eyJhdWQiOiJodHRwczovL2NvZ25pdGl2ZXNlcnZpY2VzLmF6dXJlLmNvbSIsImV4cCI6NDEwMjQ0NDgwMH0" +
		".ZTJldG9rZW4tc2lnbmF0dXJlLW9mLW5vYm9keQ"
)

// edgeBinary is the apim-edge under test.
var edgeBinary string

// shared is the edge that the SDK tests go through. Tests that configure the
// edge start one of their own.
var shared *stage

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "apim-edge-e2e-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if edgeBinary, err = buildEdge(dir); err != nil {
		return fail(err)
	}
	shared, err = startStage(dir)
	if err != nil {
		return fail(err)
	}
	defer shared.Close()
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// buildEdge builds the binary into dir, or takes the one that EDGE_BINARY
// names: one built with the race detector, for example.
func buildEdge(dir string) (string, error) {
	if binary := os.Getenv("EDGE_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	binary := filepath.Join(dir, "apim-edge")
	build := exec.Command("go", "build", "-o", binary, "./cmd/apim-edge")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build apim-edge: %w\n%s", err, out)
	}
	return binary, nil
}
