package edge

import (
	"fmt"
	"os"
	"os/exec"
)

// Program returns the path of a program that Debian has. It keeps servers where users do
// not look.
func Program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := "/usr/sbin/" + name
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w; run e2e/install first", err)
	}
	return path, nil
}
