package census

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// save writes the document anew as a whole: a crash leaves the file before it, or this one.
func save(path string, d *Document) (err error) {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := d.Write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

// syncFolder has the rename outlive a crash of the machine. Some file systems cannot.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return nil
	}
	_ = f.Sync()
	return f.Close()
}

// loaded is what a file has said.
type loaded struct {
	document Document
	found    bool
	// faults are lines that were passed over, broken why nothing could be read.
	faults []Fault
	broken error
	// aside is where the file was kept if something was wrong with it.
	aside string
}

// load reads the file. One with faults is kept aside before anything is written over it.
// The error is that it could not be read or kept.
func load(path string, now time.Time) (l loaded, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	defer f.Close() //nolint:errcheck // it was read
	info, err := f.Stat()
	switch {
	case err != nil:
		return l, err
	case !info.Mode().IsRegular():
		return l, fmt.Errorf("%s is no file", path)
	case info.Size() > maxBytes:
		l.broken = fmt.Errorf("it has %d bytes, which no census has", info.Size())
	default:
		l.document, l.faults, l.broken = Read(f)
	}
	l.found = l.broken == nil
	if l.broken == nil && len(l.faults) == 0 {
		return l, nil
	}
	l.aside = path + ".broken-" + now.UTC().Format("20060102T150405Z")
	return l, os.Rename(path, l.aside)
}

// runOf returns which run has written the file, "" where that cannot be told.
func runOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // it was read
	d, _, _ := Read(io.LimitReader(f, maxHeader))
	return d.Run
}

// maxHeader is longer than a header.
const maxHeader = 4 << 10
