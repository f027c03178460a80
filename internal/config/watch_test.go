package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// tale is what a watch told: a change with the content that the file then had,
// or an error.
type tale struct{ content, err string }

type watched struct {
	t     *testing.T
	file  string
	tales chan tale
}

// watchFile watches one file until the end of the test.
func watchFile(t *testing.T, file string) *watched { return watchSince(t, Look([]string{file}), file) }

func watchSince(t *testing.T, since Looked, file string) *watched {
	w := &watched{t: t, file: file, tales: make(chan tale, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	done := Watch(ctx, since, func() []string { return []string{file} }, w.changed, w.failed)
	t.Cleanup(func() {
		cancel()
		testkit.Receive(t, done, "the end of the watch")
	})
	return w
}

// TestAChangeBeforeTheWatchStandsIsTold holds that nothing is lost while an edge starts,
// and that nothing is told where nothing has changed.
func TestAChangeBeforeTheWatchStandsIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge.yaml")
	testkit.Write(t, file, "before")
	since := Look([]string{file})
	testkit.Write(t, file, "meanwhile")
	watchSince(t, since, file).tells(tale{content: "meanwhile"})
	w := watchSince(t, Look([]string{file}), file)
	testkit.Write(t, file, "later")
	w.tells(tale{content: "later"}) // and not what it was before
}

func (w *watched) changed() {
	content, err := os.ReadFile(w.file)
	if err != nil {
		w.tales <- tale{err: "at the change: " + err.Error()}
		return
	}
	w.tales <- tale{content: string(content)}
}

func (w *watched) failed(err error) { w.tales <- tale{err: err.Error()} }

// tells waits for the next tale.
func (w *watched) tells(want tale) {
	w.t.Helper()
	got := testkit.Receive(w.t, w.tales, fmt.Sprintf("%+v", want))
	if got.content != want.content || !strings.HasSuffix(got.err, want.err) || (got.err == "") != (want.err == "") {
		w.t.Fatalf("the watch told %+v, want %+v", got, want)
	}
}

const gone = "no such file or directory"

func TestWatchSeesEveryWayOfChange(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, w *watched, dir string)
	}{
		{"written in place", func(t *testing.T, w *watched, _ string) {
			testkit.Write(t, w.file, "two")
			w.tells(tale{content: "two"})
			testkit.Write(t, w.file, "three")
			w.tells(tale{content: "three"})
		}},
		{"replaced by a rename", func(t *testing.T, w *watched, dir string) {
			for _, content := range []string{"two", "three"} {
				testkit.Write(t, filepath.Join(dir, "new"), content)
				testkit.Must(t, os.Rename(filepath.Join(dir, "new"), w.file))
				w.tells(tale{content: content})
			}
		}},
		{"removed and made again", func(t *testing.T, w *watched, _ string) {
			testkit.Must(t, os.Remove(w.file))
			w.tells(tale{err: gone})
			testkit.Write(t, w.file, "two")
			w.tells(tale{content: "two"})
		}},
		{"removed and made again as it was, since a reload in between has failed", func(t *testing.T, w *watched, _ string) {
			testkit.Must(t, os.Remove(w.file))
			w.tells(tale{err: gone})
			testkit.Write(t, w.file, "one")
			w.tells(tale{content: "one"})
		}},
		{"removed with its directory and made again", func(t *testing.T, w *watched, dir string) {
			testkit.Must(t, os.RemoveAll(dir))
			w.tells(tale{err: gone})
			testkit.Must(t, os.Mkdir(dir, 0o700))
			testkit.Write(t, w.file, "two")
			w.tells(tale{content: "two"})
		}},
		{"in a directory that was replaced", func(t *testing.T, w *watched, dir string) {
			testkit.Must(t, os.Mkdir(dir+".new", 0o700))
			testkit.Write(t, filepath.Join(dir+".new", "edge.yaml"), "two")
			testkit.Must(t, os.Rename(dir, dir+".old"), os.Rename(dir+".new", dir))
			w.tells(tale{content: "two"})
			testkit.Write(t, w.file, "three")
			w.tells(tale{content: "three"})
		}},
		{"touched, which is no change, before it is written", func(t *testing.T, w *watched, dir string) {
			testkit.Must(t, os.Chtimes(w.file, time.Unix(1, 0), time.Unix(1, 0)))
			testkit.Write(t, filepath.Join(dir, "neighbour"), "x")
			testkit.Write(t, w.file, "two")
			w.tells(tale{content: "two"})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "config")
			testkit.Must(t, os.Mkdir(dir, 0o700))
			file := filepath.Join(dir, "edge.yaml")
			testkit.Write(t, file, "one")
			tc.change(t, watchFile(t, file), dir)
		})
	}
}

// TestWatchSeesConfigMapSwap does what the kubelet does: the file is a link
// into ..data, which is a link to a directory with the time in its name.
func TestWatchSeesConfigMapSwap(t *testing.T) {
	dir := t.TempDir()
	publish := func(stamp, content string) {
		t.Helper()
		testkit.Must(t, os.Mkdir(filepath.Join(dir, stamp), 0o700))
		testkit.Write(t, filepath.Join(dir, stamp, "edge.yaml"), content)
		testkit.Must(t, os.Symlink(stamp, filepath.Join(dir, "..data_tmp")),
			os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	publish("..2026_11_21_01", "one")
	testkit.Must(t, os.Symlink("..data/edge.yaml", filepath.Join(dir, "edge.yaml")))
	w := watchFile(t, filepath.Join(dir, "edge.yaml"))

	publish("..2026_11_21_02", "two")
	testkit.Must(t, os.RemoveAll(filepath.Join(dir, "..2026_11_21_01")))
	w.tells(tale{content: "two"})
	publish("..2026_11_21_03", "three")
	testkit.Must(t, os.RemoveAll(filepath.Join(dir, "..2026_11_21_02")))
	w.tells(tale{content: "three"})
}

func TestWatchFollowsLinksElsewhere(t *testing.T) {
	etc, releases := t.TempDir(), t.TempDir()
	for _, release := range []string{"one", "two"} {
		testkit.Must(t, os.Mkdir(filepath.Join(releases, release), 0o700))
		testkit.Write(t, filepath.Join(releases, release, "edge.yaml"), release)
	}
	current := filepath.Join(releases, "current")
	testkit.Must(t, os.Symlink(filepath.Join(releases, "one"), current),
		os.Symlink(filepath.Join(current, "edge.yaml"), filepath.Join(etc, "edge.yaml")))
	w := watchFile(t, filepath.Join(etc, "edge.yaml"))

	testkit.Must(t, os.Symlink("two", current+".new"), os.Rename(current+".new", current))
	w.tells(tale{content: "two"})
	testkit.Write(t, filepath.Join(releases, "two", "edge.yaml"), "three")
	w.tells(tale{content: "three"})
}

func TestWatchTurnsToTheFilesOfTheNewConfiguration(t *testing.T) {
	dir := t.TempDir()
	file, certificate := filepath.Join(dir, "edge.yaml"), filepath.Join(t.TempDir(), "tls.pem")
	testkit.Write(t, file, "one")
	testkit.Write(t, certificate, "one")
	files := []string{file}
	tales := make(chan string, 10)
	ctx, cancel := context.WithCancel(context.Background())
	done := Watch(ctx, Look(files), func() []string { return files }, func() {
		files = []string{file, certificate} // as a reload would, in the watch's own goroutine
		a, _ := os.ReadFile(file)
		b, _ := os.ReadFile(certificate)
		tales <- string(a) + " " + string(b)
	}, func(err error) { t.Errorf("the watch failed: %v", err) })
	for _, step := range []struct{ file, content, want string }{
		{file, "two", "two one"},
		{certificate, "two", "two two"},
	} {
		testkit.Write(t, step.file, step.content)
		for got := ""; got != step.want; { // the first one comes twice: the certificate is new
			got = testkit.Receive(t, tales, step.want+" is told; the last was "+got)
		}
	}
	cancel()
	<-done
}

// TestWatchSurvivesItsOwnEnd closes the watch from below, as a kernel without
// inotify instances would.
func TestWatchSurvivesItsOwnEnd(t *testing.T) {
	file := testkit.File(t, "edge.yaml", "one")
	tales := make(chan string, 10)
	w := &watcher{
		files:    func() []string { return []string{file} },
		onChange: func() { tales <- "change" },
		onError:  func(err error) { tales <- err.Error() },
	}
	w.watch()
	w.told = w.read()
	first := w.notify
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	testkit.Must(t, first.Close())
	testkit.Write(t, file, "two")
	if got := testkit.Receive(t, tales, "a change, after it had to begin anew"); got != "change" {
		t.Errorf("the watch told %q, want a change", got)
	}
	cancel()
	<-done
}
