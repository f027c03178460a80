//go:build unix

package secret

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestWhatIsNoFileIsNamedInTheError(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
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
