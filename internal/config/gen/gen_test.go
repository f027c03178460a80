package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

const root = "../../.."

func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := generate("..")
	if err != nil {
		t.Fatal(err)
	}
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
	plain, err := os.ReadFile(filepath.Join(root, "configs/reference.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	uncommented := regexp.MustCompile(`(?m)^( *)#([a-z0-9_-]+:)`).ReplaceAll(plain, []byte("$1$2"))
	if bytes.Equal(plain, uncommented) {
		t.Fatal("no key of the reference is commented out")
	}
	withModel, without := sample().Complete(), sample().Complete()
	route := without.Routes["openai"]
	route.Bridge.Models = nil
	without.Routes["openai"] = route
	for name, content := range map[string][]byte{"as it is": plain, "with every # taken off": uncommented} {
		want := config.Hash(without)
		if name != "as it is" {
			want = config.Hash(withModel)
		}
		file := filepath.Join(t.TempDir(), "reference.yaml")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
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
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range texts {
		if text == "" {
			t.Errorf("%s has no comment", name)
		}
	}
	if len(texts) < 60 {
		t.Errorf("found %d fields, want them all", len(texts))
	}
}

// TestSchemaAgreesWithTheLoader holds that a value has a pattern, a list of
// choices or a type in the schema exactly as the loader takes it.
func TestSchemaAgreesWithTheLoader(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "configs/schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	timeouts, limits := s.Properties["timeouts"], s.Properties["limits"]
	for _, tc := range []struct {
		key, value string
		pattern    string
	}{
		{"timeouts.connect", "10s", timeouts.Properties["connect"].AnyOf[0].Pattern},
		{"timeouts.connect", "1h30m", timeouts.Properties["connect"].AnyOf[0].Pattern},
		{"timeouts.connect", "1.5s", timeouts.Properties["connect"].AnyOf[0].Pattern},
		{"timeouts.connect", "10", timeouts.Properties["connect"].AnyOf[0].Pattern},
		{"timeouts.connect", "10 s", timeouts.Properties["connect"].AnyOf[0].Pattern},
		{"timeouts.connect", "-1s", timeouts.Properties["connect"].AnyOf[0].Pattern},
		{"timeouts.drain", "0", timeouts.Properties["drain"].AnyOf[0].Pattern},
		{"limits.request_body", "64KiB", limits.Properties["request_body"].AnyOf[0].Pattern},
		{"limits.request_body", "0", limits.Properties["request_body"].AnyOf[0].Pattern},
		{"limits.request_body", "64KB", limits.Properties["request_body"].AnyOf[0].Pattern},
		{"limits.request_body", "1.5MiB", limits.Properties["request_body"].AnyOf[0].Pattern},
		{"limits.request_body", "65536", limits.Properties["request_body"].AnyOf[0].Pattern},
	} {
		_, err := config.Load(config.Options{Upstream: "https://contoso.azure-api.net", Overrides: map[string]any{tc.key: tc.value}})
		var problems *config.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		if got := regexp.MustCompile(tc.pattern).MatchString(tc.value); got != (err == nil) {
			t.Errorf("%s: %q: the schema allows it: %v, the loader says: %v", tc.key, tc.value, got, err)
		}
	}
}
