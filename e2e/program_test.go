//go:build e2e

package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// debian returns the path of a program that Debian has.
func debian(t *testing.T, name string) string {
	t.Helper()
	path, err := edge.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startProgram runs a program until the end of the test, and waits until it listens at the
// address. What comes returns what it has said so far.
func startProgram(t *testing.T, address, program string, args ...string) (said func() string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said = func() string {
		text, _ := os.ReadFile(log.Name())
		return string(text)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			t.Logf("%s said\n%s", program, said())
		}
	})
	awaitListener(t, program, address)
	return said
}

// awaitListener waits until a program listens at the address.
func awaitListener(t *testing.T, program, address string) {
	t.Helper()
	if !edge.Eventually(patience, func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	}) {
		t.Fatalf("%s does not listen at %s", program, address)
	}
}

// ofProject reads a file of the project.
func ofProject(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile("../" + file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// writeFile writes a file into a folder of the test's and returns its path.
func writeFile(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
