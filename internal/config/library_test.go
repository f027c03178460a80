package config

import (
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// canGo says what a trap's end means. docs/workarounds.md lists the traps.
const canGo = "the workaround in %s can go, and its line in docs/workarounds.md"

// TestKoanfStillHasItsTraps calls the library alone, as its users do: where it
// fails, the library has changed, and what we do about it is no longer needed.
func TestKoanfStillHasItsTraps(t *testing.T) {
	for _, tc := range []struct {
		trap       string
		values     map[string]any
		still      func(got struct{ Connect time.Duration }, err error) bool
		workaround string
	}{
		{"a key that nobody knows is no error", map[string]any{"conect": "3s"},
			func(_ struct{ Connect time.Duration }, err error) bool { return err == nil }, "decode in internal/config/load.go"},
		{"a key in other case is taken", map[string]any{"CONNECT": "3s"},
			func(got struct{ Connect time.Duration }, _ error) bool { return got.Connect == 3*time.Second }, "decode in internal/config/load.go"},
		{"a number without a unit is nanoseconds", map[string]any{"connect": 30},
			func(got struct{ Connect time.Duration }, err error) bool { return err == nil && got.Connect == 30 }, "Duration in internal/config/units.go"},
	} {
		t.Run(tc.trap, func(t *testing.T) {
			k := koanf.New(levels)
			testkit.Must(t, k.Load(confmap.Provider(tc.values, ""), nil))
			var got struct{ Connect time.Duration }
			if err := k.Unmarshal("", &got); !tc.still(got, err) {
				t.Errorf("koanf no longer does this: %s (%v, %v): "+canGo, tc.trap, got, err, tc.workaround)
			}
		})
	}
}

func TestKoanfStillKeepsKeysThatAreGone(t *testing.T) {
	k := koanf.New(levels)
	for _, values := range []map[string]any{{"a": 1}, {"b": 2}} {
		testkit.Must(t, k.Load(confmap.Provider(values, ""), nil))
	}
	if !k.Exists("a") {
		t.Errorf("koanf no longer keeps what a later Load does not have: "+canGo, "merge in internal/config/load.go")
	}
}

func TestKoanfStillTakesEmptyVariables(t *testing.T) {
	k := koanf.New(levels)
	provider := env.Provider(levels, env.Opt{Prefix: envPrefix, EnvironFunc: func() []string { return []string{envPrefix + "A="} }})
	testkit.Must(t, k.Load(provider, nil))
	if len(k.Raw()) == 0 {
		t.Errorf("koanf no longer takes an empty variable for a value: "+canGo, "variable in internal/config/words.go")
	}
}

func TestYAMLStillNamesNoLineForSomeFaults(t *testing.T) {
	err := yaml.Unmarshal([]byte("a: 1\nb: \x01\n"), new(yaml.Node))
	if err == nil || strings.Contains(err.Error(), "line ") {
		t.Errorf("yaml now names the line of a control character (%v): "+canGo, err, "unreadableLine in internal/config/file.go")
	}
}
