//go:build e2e

package faults

import (
	"flag"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

var (
	loadFor = flag.Duration("faults.for", 10*time.Second, "how long the load lasts at least; each fault comes at least once")
	crowd   = flag.Int("faults.clients", 500, "how many clients make the load")
)

func TestMain(m *testing.M) {
	load.ActUpstream()
	os.Exit(edge.Main(m, openFiles))
}

// openFiles lets this process and its children open as many files as the system
// allows.
func openFiles(string) error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	files.Cur = files.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files)
}

// eventually waits until ready returns true.
func eventually(t testing.TB, what string, ready func() bool) bool {
	t.Helper()
	ok := testkit.Eventually(testkit.Patience, ready)
	if !ok {
		t.Errorf("waited %s for %s", testkit.Patience, what)
	}
	return ok
}
