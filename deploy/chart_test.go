package deploy

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const chart = "helm/apim-edge/"

// TestValuesAreDocumentedAndTyped: each value has a comment and a type, and the types
// know no other.
func TestValuesAreDocumentedAndTyped(t *testing.T) {
	var document yaml.Node
	testkit.Must(t, yaml.Unmarshal([]byte(testkit.Read(t, chart+"values.yaml")), &document))
	var schema map[string]any
	testkit.JSON(t, testkit.Read(t, chart+"values.schema.json"), &schema)
	properties := node{schema}.at("properties").value.(map[string]any)
	delete(properties, "global") // helm's own
	compareValues(t, "", document.Content[0], schema)
}

// compareValues goes down where the schema closes an object: other values are those of
// Kubernetes or of the configuration.
func compareValues(t *testing.T, path string, values *yaml.Node, schema map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	var names []string
	for i := 0; i < len(values.Content); i += 2 {
		key, value := values.Content[i], values.Content[i+1]
		names = append(names, key.Value)
		typed, known := properties[key.Value].(map[string]any)
		if !known {
			t.Errorf("%s%s has no type in values.schema.json", path, key.Value)
			continue
		}
		if path+key.Value == "resources" {
			continue
		}
		if key.HeadComment == "" {
			t.Errorf("%s%s has no comment in values.yaml", path, key.Value)
		}
		if typed["additionalProperties"] == false {
			compareValues(t, path+key.Value+".", value, typed)
		}
	}
	for name := range properties {
		if !slices.Contains(names, name) {
			t.Errorf("values.yaml does not show %s%s", path, name)
		}
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s: a value that is mistyped would be taken", path)
	}
}

// TestTheChartNamesTheBuild: the tag that is pulled where nobody says another is the
// version that the Dockerfile gives where nobody says another.
func TestTheChartNamesTheBuild(t *testing.T) {
	version := parse(t, testkit.Read(t, chart+"Chart.yaml")).at("appVersion").text()
	if want := "ARG VERSION=" + version + "\n"; !strings.Contains(testkit.Read(t, "../Dockerfile"), want) {
		t.Errorf("the Dockerfile has no %q", want)
	}
}
