package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const root = "../../.."

func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := generate("..")
	testkit.Must(t, err)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./internal/config", name)
		}
	}
}

// TestReferenceIsTheDefaults holds what the head of the reference promises:
// loading it gives the defaults, and so does loading it with every # taken off.
func TestReferenceIsTheDefaults(t *testing.T) {
	plain := testkit.Read(t, filepath.Join(root, "configs/reference.yaml"))
	uncommented := regexp.MustCompile(`(?m)^( *)#([A-Za-z0-9_-]+:)`).ReplaceAll([]byte(plain), []byte("$1$2"))
	if bytes.Equal([]byte(plain), uncommented) {
		t.Fatal("no key of the reference is commented out")
	}
	withExamples, without := sample().Complete(), sample().Complete()
	route := without.Routes["openai"]
	route.Bridge.Models, route.Require.Headers = nil, nil
	without.Routes["openai"] = route
	for name, content := range map[string][]byte{"as it is": []byte(plain), "with every # taken off": uncommented} {
		want := config.Hash(without)
		if name != "as it is" {
			want = config.Hash(withExamples)
		}
		file := testkit.File(t, "reference.yaml", string(content))
		cfg, err := config.Load(config.Options{File: file})
		if err != nil {
			t.Errorf("the reference %s: %v", name, err)
		} else if got := config.Hash(cfg); got != want {
			masked, _ := config.Masked(cfg)
			t.Errorf("the reference %s has hash %s, the defaults have %s:\n%s", name, got, want, masked)
		}
	}
}

func TestEveryKeyIsExplained(t *testing.T) {
	texts, err := readComments("..")
	testkit.Must(t, err)
	for name, text := range texts {
		if text == "" {
			t.Errorf("%s has no comment", name)
		}
	}
	if len(texts) < 60 {
		t.Errorf("found %d fields, want them all", len(texts))
	}
}
