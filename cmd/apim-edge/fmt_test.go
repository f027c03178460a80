package main

import (
	"strings"
	"testing"
)

// TestFmtCutsNothing holds that what is too large is refused: a part of it, formatted,
// could replace the whole.
func TestFmtCutsNothing(t *testing.T) {
	cmd := newFmtCommand()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true // as below the root
	cmd.SetIn(strings.NewReader("log: {level: debug}\n" + strings.Repeat("# a note\n", maxPasted/8)))
	cmd.SetArgs([]string{"-"})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") || out.Len() > 0 {
		t.Errorf("fmt wrote %d bytes and says %v", out.Len(), err)
	}
}
