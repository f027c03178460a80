package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeNew writes the file of --write, which must not exist yet, save where it is to be
// replaced.
func writeNew(path, text string, replace bool) error {
	how := os.O_EXCL
	if replace {
		how = os.O_TRUNC
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o644) //nolint:gosec // it holds no secret
	if errors.Is(err, os.ErrExist) {
		return usageError{fmt.Errorf("--write: %s exists; name a new file", path)}
	}
	if errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("--write: there is no folder %s; make it first", filepath.Dir(path))}
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}
