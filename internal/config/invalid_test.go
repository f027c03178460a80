package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestInvalid holds each mistake of testdata/invalid to its exact message, and
// to the fields that a machine reads.
func TestInvalid(t *testing.T) {
	stories := testkit.Stories(t, "testdata/invalid/*.txtar")
	if len(stories) < 40 {
		t.Fatalf("found %d stories, want at least 40", len(stories))
	}
	for _, story := range stories {
		t.Run(story.Name, func(t *testing.T) {
			_, err := loadStory(t, story)
			var problems *Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Load: error %v, want Problems", err)
			}
			if got, want := err.Error(), strings.TrimSuffix(string(story.Part("want")), "\n"); got != want {
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
func loadStory(t *testing.T, s testkit.Story) (Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	testkit.Write(t, "edge.yaml", string(s.Part("edge.yaml")))
	o := Options{File: "edge.yaml", Environ: strings.Split(string(s.Part("environment")), "\n"), Overrides: map[string]any{}}
	for line := range strings.Lines(string(s.Part("flags"))) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		o.Overrides[key] = value
	}
	return Load(o)
}
