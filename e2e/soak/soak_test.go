//go:build e2e

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestMain(m *testing.M) {
	load.ActUpstream()
	os.Exit(m.Run())
}

// The short soak holds everything but the lines, which need minutes: every
// exchange ends as it was meant to, and nothing is left.
func TestAShortSoakHolds(t *testing.T) {
	o := options{
		duration: 20 * time.Second, rate: 150, streams: 20, seed: uint64(os.Getpid()), mix: load.Everyday, out: t.TempDir(),
		command: "go test",
	}
	held, err := run(t.Context(), o, t.Output())
	testkit.Must(t, err)
	if !held {
		report, _ := os.ReadFile(filepath.Join(o.out, "report.md"))
		t.Errorf("seed %d: not all of it held\n%s", o.seed, report)
	}
	for _, name := range []string{"report.md", "soak.svg", "samples.csv", "edge.log.gz"} {
		if file, err := os.Stat(filepath.Join(o.out, name)); err != nil || file.Size() < 100 {
			t.Errorf("%s: %v, %v", name, file, err)
		}
	}
}
