//go:build unix

package secret

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestWhatIsNoFileIsNamedInTheError(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	testkit.Must(t, syscall.Mkfifo(pipe, 0o600))
	missing := filepath.Join(dir, "missing")
	for _, tc := range []struct{ name, path, fault string }{
		{"a folder", dir, "is not a regular file"},
		{"a pipe, which would block", pipe, "is not a regular file"},
		{"nothing", missing, "no such file or directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, mustParse(t, "file:"+tc.path), "", "file:"+tc.path+": "+tc.fault)
		})
	}
}
