package peers

import (
	"maps"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/bench/internal/tokens"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheEdgeIsMeasuredWithItsDefaults holds that the edge's file sets what it
// cannot do without (addresses, TLS, a route) and the log, and nothing else: a
// figure of other settings is not what an operator would see. Where tokens are asked for,
// it says whose and for whom.
func TestTheEdgeIsMeasuredWithItsDefaults(t *testing.T) {
	always := []string{
		"admin.address", "listen.address", "listen.tls.cert_file", "listen.tls.key_file",
		"log.access", "log.format", "log.level",
		"routes.all.path_prefix", "routes.all.upstream",
		"upstreams.legacy.tls.ca_file", "upstreams.legacy.tls.server_name", "upstreams.legacy.url",
	}
	wantKeys(t, nil, always...)
	wantKeys(t, &tokens.Files{}, append(always, "routes.all.require.token",
		"token_policies.bench.audiences", "token_policies.bench.issuers", "token_policies.bench.signing_keys",
		"upstreams.legacy.auth.header", "upstreams.legacy.auth.value")...)
}

func wantKeys(t *testing.T, shown *tokens.Files, want ...string) {
	t.Helper()
	edge, err := Select([]string{"apim-edge"})
	testkit.Must(t, err)
	i := Instance{Dir: t.TempDir(), UpstreamTLS: true, ClientTLS: true, CAFile: "ca", CertFile: "cert", KeyFile: "key", UpstreamName: "name", Cores: 1, Tokens: shown}
	testkit.Must(t, edge[0].WriteFiles(i))
	text := testkit.Read(t, i.File("config.yaml"))
	var file map[string]any
	testkit.Must(t, yaml.Unmarshal([]byte(text), &file))
	set := map[string]bool{}
	keys(set, "", file)
	slices.Sort(want)
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
