//go:build e2e

package edge

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Built is the program under test, once Main runs.
var Built string

// Main is for TestMain: it builds the program, and runs the tests of a package.
// prepare is called before them, with a folder that lives as long as they do.
func Main(m *testing.M, prepare func(dir string) error) (code int) {
	dir, err := os.MkdirTemp("", "apim-edge-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		Built, err = Build(dir)
	}
	if err == nil {
		err = prepare(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Find is Program for a test.
func Find(t *testing.T, name string) string {
	t.Helper()
	path, err := Program(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// New writes a configuration into a folder and starts an edge with it.
func New(dir, config string) (*Edge, error) {
	e := &Edge{Binary: Built, Config: filepath.Join(dir, "edge.yaml")}
	if err := e.Configure(config); err != nil {
		return e, err
	}
	return e, e.Start()
}

// Run is New for one test, at whose end the edge must go in order, unless it has
// been killed.
func Run(t *testing.T, config string) *Edge {
	t.Helper()
	e, err := New(t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if e.killed.Load() {
			return
		}
		if _, err := e.Stop(); err != nil {
			t.Errorf("%v; the end of its log:\n%s", err, e.Words())
		}
	})
	return e
}

// listeners are the addresses that a configuration gets that does not care.
var listeners = []struct {
	named *regexp.Regexp
	line  string
}{
	{regexp.MustCompile(`(?m)^listen:`), "listen: {address: \"127.0.0.1:0\"}\n"},
	{regexp.MustCompile(`(?m)^admin:`), "admin: {address: \"\"}\n"},
}

// Configure replaces the configuration file. An edge that runs sees it.
func (e *Edge) Configure(config string) error {
	for _, l := range listeners {
		if !l.named.MatchString(config) {
			config = l.line + config
		}
	}
	return os.WriteFile(e.Config, []byte(config), 0o600)
}
