package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestInvalid holds each mistake of testdata/invalid to its exact message, and
// to the fields that a machine reads.
func TestInvalid(t *testing.T) {
	stories, err := filepath.Glob("testdata/invalid/*.txtar")
	if err != nil || len(stories) < 40 {
		t.Fatalf("found %d stories (%v), want at least 40", len(stories), err)
	}
	for _, story := range stories {
		archive, err := txtar.ParseFile(story)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(story), ".txtar"), func(t *testing.T) {
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			_, err := loadStory(t, parts)
			var problems *Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Load: error %v, want Problems", err)
			}
			if got, want := err.Error(), strings.TrimSuffix(parts["want"], "\n"); got != want {
				t.Errorf("Load:\ngot  %s\nwant %s", got, want)
			}
			for _, p := range *problems {
				if p.Text == "" || p.Found == "" && p.Allowed == "" && p.Key != "" {
					t.Errorf("problem that says too little: %#v", p)
				}
				if strings.Contains(p.String(), "\n") {
					t.Errorf("problem is not one line: %q", p)
				}
			}
		})
	}
}

// loadStory loads edge.yaml, the environment and the flags of a story.
func loadStory(t *testing.T, parts map[string]string) (Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	testkit.Write(t, "edge.yaml", parts["edge.yaml"])
	o := Options{File: "edge.yaml", Environ: strings.Split(parts["environment"], "\n"), Overrides: map[string]any{}}
	for line := range strings.Lines(parts["flags"]) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		o.Overrides[key] = value
	}
	return Load(o)
}
