// Package takeover has one edge relieve another one on the same machine. A file names
// the edge that serves. The next one names itself there as soon as it serves, and tells
// the one before to drain.
package takeover

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// File names the edge that serves.
type File struct {
	f *os.File
}

// Open opens the file, or creates it. It is to be done before an edge serves: who cannot
// relieve another one must not begin.
func Open(name string) (*File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Close closes it. It goes on naming whom it names.
func (t *File) Close() { _ = t.f.Close() }

// Relieve names this process in the file and sends SIGTERM to the one that stood there, if
// it still runs; 0: none does. The file is locked meanwhile, so that of several who come at
// once each relieves the one before.
func (t *File) Relieve() (before int, err error) {
	if err := lock(t.f); err != nil {
		return 0, err
	}
	defer unlock(t.f)
	text, err := io.ReadAll(io.NewSectionReader(t.f, 0, 1<<10))
	if err != nil {
		return 0, err
	}
	own, err := life(os.Getpid())
	if err != nil {
		return 0, err
	}
	if err := t.put(fmt.Sprintf("%d %s\n", os.Getpid(), own)); err != nil {
		return 0, err
	}
	return tell(string(text))
}

// put replaces the text.
func (t *File) put(text string) error {
	if err := t.f.Truncate(0); err != nil {
		return err
	}
	_, err := t.f.WriteAt([]byte(text), 0)
	return err
}

// tell has the process that text names drain. The number of a process may be another's by
// now: it is the same one only where it was started at the same time. The process is held
// before that is looked at, so that it cannot change behind the look.
func tell(text string) (pid int, err error) {
	var began string
	if n, _ := fmt.Sscan(strings.TrimSpace(text), &pid, &began); n < 2 || pid == os.Getpid() {
		return 0, nil
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return 0, nil
	}
	defer p.Release() //nolint:errcheck // nothing is held but a descriptor
	if now, err := life(pid); err != nil || now != began {
		return 0, nil
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("tell process %d to drain: %w", pid, err)
	}
	return pid, nil
}
