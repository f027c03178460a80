package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long files must stay the same before a change is told. Editors
// and copies write in steps, and a half-written file is not worth a warning.
const settle = 150 * time.Millisecond

// retryWatch is the pause after the watch itself failed, for want of inotify
// instances for example.
const retryWatch = 5 * time.Second

// Watch calls onChange whenever the content of one of the files has changed
// and then stayed the same for 150 ms. It returns as soon as the watch stands;
// the channel it returns is closed when the watch has ended, after ctx.
//
// It watches directories, not files, and compares contents: so it does not
// matter whether a file is written in place, replaced by a rename, reached
// through symbolic links that are swapped (as Kubernetes does for a ConfigMap),
// or removed and made again. A file that cannot be read is told to onError once,
// and so are failures of the watch, which goes on nevertheless.
//
// files is asked again after each change, since a new configuration may name
// other files; for these onChange is called once more when they are watched. What has
// changed since, a look at the files of before, is told as well. All three functions are
// called from one goroutine.
func Watch(ctx context.Context, since Looked, files func() []string, onChange func(), onError func(error)) <-chan struct{} {
	w := &watcher{files: files, onChange: onChange, onError: onError, told: since}
	w.watch()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	return done
}

// Looked is what a look at files has shown.
type Looked map[string]print

// Look looks at the contents of files.
func Look(files []string) Looked {
	looked := Looked{}
	for _, name := range files {
		sum, err := sumOf(name)
		looked[name] = print{sum: sum}
		if err != nil {
			looked[name] = print{err: reason(err)}
		}
	}
	return looked
}

// print stands for the content of a file; err is why there is none.
type print struct {
	sum [sha256.Size]byte
	err string
}

type watcher struct {
	files    func() []string
	onChange func()
	onError  func(error)

	notify *fsnotify.Watcher // nil while the watch itself has failed
	failed string            // how it failed, as last told
	told   Looked            // contents as last told
	seen   Looked            // contents at the last look, while they settle
}

// run waits for events and looks at the files: at once and again when they had
// time to settle. Further events do not put the second look off, else a busy
// directory would put it off for ever.
func (w *watcher) run(ctx context.Context) {
	w.seen = w.read() // and once at the beginning: they may have changed before the watch stood
	timer := time.NewTimer(settle)
	defer timer.Stop()
	defer w.close()
	settling := true
	for {
		var events chan fsnotify.Event
		var errs chan error
		if w.notify != nil {
			events, errs = w.notify.Events, w.notify.Errors
		}
		select {
		case <-ctx.Done():
			return
		case _, ok := <-events:
			if !ok {
				w.close() // the watch ended by itself: look makes a new one
			}
		case err := <-errs: // events may be lost, so look as after an event
			w.fail(err)
		case <-timer.C:
			settling = false
			if again := w.look(); again > 0 {
				timer.Reset(again)
				settling = true
			}
			continue
		}
		if !settling {
			w.seen = w.read()
			timer.Reset(settle)
			settling = true
		}
	}
}

// look tells of a change if the files are the same as at the last look. It
// returns when to look again, or 0 for after the next event.
func (w *watcher) look() time.Duration {
	again := w.watch()
	now := w.read()
	if !maps.Equal(now, w.seen) {
		w.seen = now
		return settle
	}
	if changed := w.tell(now); !changed {
		return again
	}
	w.onChange()
	return w.adopt()
}

// tell tells of files that cannot be read and returns whether others changed.
func (w *watcher) tell(now Looked) bool {
	changed := false
	for _, name := range slices.Sorted(maps.Keys(now)) {
		is, was := now[name], w.told[name]
		w.told[name] = is
		switch {
		case is.err != "" && is.err != was.err:
			w.onError(fmt.Errorf("watch files: %s: %s", name, is.err))
		case is.err == "" && is != was: // also a file that is back as it was: a reload may have missed it
			changed = true
		}
	}
	return changed
}

// adopt turns to the files that the new configuration names. Nobody knows with
// what content a file was loaded that was not watched at that time, so a new
// one counts as changed: one reload too many loses nothing, one too few does.
func (w *watcher) adopt() time.Duration {
	again := w.watch()
	files := w.files()
	maps.DeleteFunc(w.told, func(name string, _ print) bool { return !slices.Contains(files, name) })
	for _, name := range files {
		if _, ok := w.told[name]; !ok {
			w.told[name] = print{err: "not read yet"}
			again = settle
		}
	}
	return again
}

// read looks at all files.
func (w *watcher) read() Looked { return Look(w.files()) }

func sumOf(name string) (sum [sha256.Size]byte, err error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return sum, err // a pipe gives its content once, and not to us
	}
	f, err := os.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// watch watches every directory in which a change can mean another content. It
// is called after each change, because a directory that was replaced has the
// same name but is another one. It returns when to try again, 0 for no need.
func (w *watcher) watch() time.Duration {
	if w.notify == nil {
		notify, err := fsnotify.NewWatcher()
		if err != nil {
			w.fail(err)
			return retryWatch
		}
		w.notify = notify
	}
	wanted := map[string]bool{}
	for _, name := range w.files() {
		for _, dir := range places(name) {
			wanted[dir] = true
		}
	}
	for _, dir := range w.notify.WatchList() {
		if !wanted[dir] {
			_ = w.notify.Remove(dir) // it may be gone, and that is all we want
		}
	}
	for dir := range wanted {
		switch err := w.notify.Add(dir); {
		case errors.Is(err, fs.ErrNotExist):
			return settle // it went away since; its parent is the place now
		case err != nil:
			w.fail(fmt.Errorf("%s: %w", dir, err))
			w.close() // begin anew: half a watch would look like a whole one
			return retryWatch
		}
	}
	w.failed = ""
	return 0
}

// fail tells of a failure of the watch itself, once.
func (w *watcher) fail(err error) {
	if err == nil || err.Error() == w.failed {
		return
	}
	w.failed = err.Error()
	w.onError(fmt.Errorf("watch files: %w", err))
}

func (w *watcher) close() {
	if w.notify != nil {
		_ = w.notify.Close() // nothing was written through it
		w.notify = nil
	}
}

// places returns the directories that decide what a path leads to: that of the
// file, and that of each symbolic link on the way. Where the way ends early,
// the last directory of it is where it may go on one day.
func places(name string) []string {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil
	}
	const manyLinks = 40 // as many as Linux follows
	root := filepath.VolumeName(path) + "/"
	at, rest := root, filepath.ToSlash(path[len(root)-1:])
	var dirs []string
	for links := 0; rest != "" && links < manyLinks; {
		var next string
		next, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		here := filepath.Join(at, next)
		info, err := os.Lstat(here)
		if err != nil {
			return append(dirs, at)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if rest == "" {
				return append(dirs, at)
			}
			at = here
			continue
		}
		dirs = append(dirs, at)
		links++
		target, err := os.Readlink(here)
		if err != nil {
			return dirs
		}
		if filepath.IsAbs(target) {
			at = root
		}
		rest = strings.TrimRight(filepath.ToSlash(target)+"/"+rest, "/")
	}
	return append(dirs, at)
}
