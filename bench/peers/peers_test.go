package peers

import (
	"maps"
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestTheEdgeIsMeasuredWithItsDefaults holds that the edge's file sets what it
// cannot do without (addresses, TLS, a route) and the log, and nothing else: a
// figure of other settings is not what an operator would see.
func TestTheEdgeIsMeasuredWithItsDefaults(t *testing.T) {
	edge, err := Select([]string{"apim-edge"})
	if err != nil {
		t.Fatal(err)
	}
	i := Instance{Dir: t.TempDir(), UpstreamTLS: true, ClientTLS: true, CAFile: "ca", CertFile: "cert", KeyFile: "key", UpstreamName: "name", Cores: 1}
	if err := edge[0].WriteFiles(i); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(i.File("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	keys(set, "", file)
	want := []string{
		"admin.address", "listen.address", "listen.tls.cert_file", "listen.tls.key_file",
		"log.access", "log.format", "log.level",
		"routes.all.path_prefix", "routes.all.upstream",
		"upstreams.legacy.tls.ca_file", "upstreams.legacy.tls.server_name", "upstreams.legacy.url",
	}
	if got := slices.Sorted(maps.Keys(set)); !slices.Equal(got, want) {
		t.Errorf("config.yaml sets\n%q, want\n%q", got, want)
	}
}

func keys(set map[string]bool, prefix string, level map[string]any) {
	for name, value := range level {
		if deeper, ok := value.(map[string]any); ok {
			keys(set, prefix+name+".", deeper)
			continue
		}
		set[prefix+name] = true
	}
}
