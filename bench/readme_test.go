package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadmeShowsTheNewestRun holds that the table and the plots in the README are
// those of the newest folder of results, word for word. One that is named after more than
// its date is a run of a part, for another page.
func TestReadmeShowsTheNewestRun(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	runs, err := filepath.Glob(filepath.Join(root, "bench/results/????-??-??/results.md"))
	if err != nil || len(runs) == 0 {
		t.Fatal("no results", err)
	}
	newest := slices.Max(runs) // folders are named after dates
	results := read(t, newest)
	_, section, ok := strings.Cut(read(t, filepath.Join(root, "README.md")), "\n## What it costs\n")
	if !ok {
		t.Fatal("README.md has no section \"What it costs\"")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			if rows++; !strings.Contains(results, line) {
				t.Errorf("%s does not have the row %s", newest, line)
			}
		}
	}
	if rows < 3 {
		t.Errorf("%d rows of a table in the README", rows)
	}
	folder := "](bench/results/" + filepath.Base(filepath.Dir(newest)) + "/"
	if strings.Count(section, folder) < 2 || strings.Count(section, folder) != strings.Count(section, "](bench/results/") {
		t.Errorf("README.md does not link to table and plot as %s...)", folder)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
