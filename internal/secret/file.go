package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxFile bounds a secret. Keys have at most 256 characters, tokens with
	// many groups some 11 KB; a larger file is a mistake in the path.
	maxFile = 64 << 10
	// recheck is how old an answer may be. A rotation is seen within it.
	recheck = 2 * time.Second
)

// file is a file that is read again while it is used: Kubernetes and the Key
// Vault CSI driver replace it when the secret rotates.
//
// It is read whole at each check, without a look at its time of change first:
// that costs 10 microseconds every two seconds at most, and a second write
// within one tick of the file system's clock is seen as well.
type file struct {
	path  string
	mutex sync.Mutex // held while reading
	last  atomic.Pointer[reading]
}

// reading is the outcome of one look at the file.
type reading struct {
	value Value
	err   error
	at    time.Time
}

func (f *file) String() string { return "file:" + f.path }

// Current implements Source. Only one caller at a time reads the file; the
// others get the last reading, unless there is none yet.
func (f *file) Current() (Value, error) {
	last := f.last.Load()
	if last != nil && (time.Since(last.at) < recheck || !f.mutex.TryLock()) {
		return last.value, last.err
	}
	if last == nil {
		f.mutex.Lock()
	}
	defer f.mutex.Unlock()
	return f.refresh()
}

// refresh reads the file, unless somebody did while the lock was awaited.
func (f *file) refresh() (Value, error) {
	last := f.last.Load()
	if last != nil && time.Since(last.at) < recheck {
		return last.value, last.err
	}
	content, err := read(f.path)
	next := &reading{value: New(content), at: time.Now()}
	if err != nil {
		next.err = fmt.Errorf("%v: %w", f, err)
		if last != nil {
			next.value = last.value // the last good one
		}
	}
	f.last.Store(next)
	return next.value, next.err
}

// read returns the content of a file without the line end that editors and
// echo leave behind it.
func read(path string) (string, error) {
	// Opening a pipe would wait for its writer, so look before.
	info, err := os.Stat(path)
	if err != nil {
		return "", cause(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	opened, err := os.Open(path)
	if err != nil {
		return "", cause(err)
	}
	defer opened.Close()
	raw, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return "", cause(err)
	}
	if len(raw) > maxFile {
		return "", fmt.Errorf("is larger than %d bytes, which no secret is", maxFile)
	}
	content, ended := strings.CutSuffix(string(raw), "\n")
	if ended {
		content = strings.TrimSuffix(content, "\r")
	}
	if content == "" {
		return "", errors.New("is empty")
	}
	return content, nil
}

// cause takes the path off err: the reference in front of it says it already.
func cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
