package config

import (
	"reflect"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const bridged = `upstreams: {legacy: {url: https://contoso.azure-api.net}}
routes:
  v1:
    path_prefix: /openai/v1
    bridge:
      to: legacy
      prefix: /openai
      models: {gpt-4o: {deployment: gpt4o-prod, api_version: 2024-10-21}, o3-mini: {deployment: o3, api_version: 2024-12-01-preview}, Org/gpt-4.1: {api_version: "2025-04-01-preview"}}
      default: ""
      body_head: 1MiB
`

// TestBridge loads a bridge as people write it: a date is no text to YAML, and names of
// models have characters that separate keys.
func TestBridge(t *testing.T) {
	want := Bridge{To: "legacy", Prefix: "/openai", BodyHead: Size{1 << 20}, Models: map[string]BridgeModel{
		"gpt-4o": {"gpt4o-prod", "2024-10-21"}, "o3-mini": {"o3", "2024-12-01-preview"}, "Org/gpt-4.1": {"Org/gpt-4.1", "2025-04-01-preview"},
	}}
	cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", bridged)})
	if got := cfg.Routes["v1"].Bridge; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if warnings := cfg.Warnings(); len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	again := mustLoad(t, Options{File: testkit.File(t, "masked.yaml", dump(t, cfg))})
	if got := again.Routes["v1"].Bridge; !reflect.DeepEqual(got, want) {
		t.Errorf("loaded from what Masked shows: got %+v, want %+v", got, want)
	}
}

func TestAVariableFindsAModelByItsSpelling(t *testing.T) {
	cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", bridged), Environ: []string{
		"APIM_EDGE__ROUTES__V1__BRIDGE__MODELS__ORG_GPT_4_1__DEPLOYMENT=prod",
		"APIM_EDGE__ROUTES__V1__BRIDGE__DEFAULT=gpt-4o",
	}})
	got := cfg.Routes["v1"].Bridge
	if got.Models["Org/gpt-4.1"] != (BridgeModel{"prod", "2025-04-01-preview"}) || len(got.Models) != 3 || got.Default != "gpt-4o" {
		t.Errorf("got %+v", got)
	}
}

func TestKeysOfNamesThatAreNoWords(t *testing.T) {
	for _, tc := range []struct {
		key, parent string
		parts       []string
	}{
		{"a", "", []string{"a"}},
		{"a.b[2]", "a.b", []string{"a", "b", "[2]"}},
		{`a."x.y[1]"`, "a", []string{"a", "x.y[1]"}},
		{`a."x\".y".b`, `a."x\".y"`, []string{"a", `x".y`, "b"}},
	} {
		if got := parent(tc.key); got != tc.parent {
			t.Errorf("parent of %s: got %s, want %s", tc.key, got, tc.parent)
		}
		if got := keyParts(tc.key); !reflect.DeepEqual(got, tc.parts) {
			t.Errorf("parts of %s: got %q, want %q", tc.key, got, tc.parts)
		}
	}
}
