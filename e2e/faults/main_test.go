//go:build e2e

package faults

import (
	"flag"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/load"
)

var (
	loadFor = flag.Duration("faults.for", 10*time.Second, "how long the load lasts at least; each fault comes at least once")
	crowd   = flag.Int("faults.clients", 500, "how many clients make the load")
)

// binaryUnderTest is the edge.
var binaryUnderTest string

func TestMain(m *testing.M) {
	load.ActUpstream()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// prepare builds the edge, or takes the one that EDGE_BINARY names, and lets this
// process and its children open as many files as the system allows.
func prepare(dir string) error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	var err error
	binaryUnderTest, err = edge.Build(dir)
	return err
}

// eventually waits until ready returns true.
func eventually(t *testing.T, what string, ready func() bool) bool {
	t.Helper()
	ok := load.Eventually(ready)
	if !ok {
		t.Errorf("waited %s for %s", edge.Patience, what)
	}
	return ok
}
