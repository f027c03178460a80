package testkit

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// Files returns the files that patterns of filepath.Match find. Each must find some: a test
// that goes through none holds nothing.
func Files(t testing.TB, patterns ...string) (files []string) {
	t.Helper()
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s finds %d files: %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}

// Story is a case in a file of its own, in the format of txtar.
type Story struct {
	*txtar.Archive
	File, Name string // where it is, and that without folder and ending
}

// Stories returns those whose files a pattern finds.
func Stories(t testing.TB, pattern string) (all []Story) {
	t.Helper()
	for _, file := range Files(t, pattern) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Story{archive, file, strings.TrimSuffix(filepath.Base(file), ".txtar")})
	}
	return all
}

// Part returns the part of a name; nil: it has none.
func (s Story) Part(name string) []byte {
	for _, f := range s.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}
