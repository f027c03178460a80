package config

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/sockets"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const configs = "../../configs"

// TestRecipes loads every file that operators are given and holds the one
// thing that each of them is about.
func TestRecipes(t *testing.T) {
	promises := map[string]func(c Config) (got, want any){
		"reference.yaml": func(c Config) (any, any) { return c.Listen.Address, ":8080" },
		"minimal.yaml": func(c Config) (any, any) {
			return c.Routes["default"].Credential.Header + " " + c.Routes["default"].Upstream, "api-key legacy"
		},
		"browser-app.yaml": func(c Config) (any, any) {
			return c.Routes["openai"].CORS.AllowedOrigins, []string{"https://chat.example.com", "http://localhost:*"}
		},
		"recipes/renamed-header.yaml": func(c Config) (any, any) {
			return c.Routes["openai"].Credential.Aliases, []string{"api-key", "Ocp-Apim-Subscription-Key"}
		},
		"recipes/both-headers.yaml": func(c Config) (any, any) { return c.Routes["openai"].Credential.KeepAuthorization, true },
		"recipes/two-apis.yaml": func(c Config) (any, any) {
			return c.Routes["research"].Timeouts, RouteTimeouts{ResponseHead: Seconds(600), StreamIdle: Seconds(300)}
		},
		"recipes/tls-towards-clients.yaml": func(c Config) (any, any) {
			return c.Listen.TLS, ListenTLS{CertFile: "/etc/apim-edge/tls.crt", KeyFile: "/etc/apim-edge/tls.key"}
		},
		"recipes/corporate-ca.yaml": func(c Config) (any, any) {
			return c.Upstreams["legacy"].TLS.ServerName, "contoso.azure-api.net"
		},
		"recipes/entra-tokens.yaml": func(c Config) (any, any) { return c.Routes["openai"].Require.Token, []string{"staff"} },
		"recipes/other-issuer.yaml": func(c Config) (any, any) {
			return c.TokenPolicies["partner"].RequiredClaims["scope"], RequiredClaim{Values: []string{"models.read", "models.use"}, Match: "all", Separator: " "}
		},
		"recipes/census.yaml": func(c Config) (any, any) {
			return c.Census, Census{Enabled: true, Rows: 5000, File: "/var/lib/apim-edge/census.jsonl", Key: "file:/etc/apim-edge/census.key"}
		},
		"recipes/front-door.yaml": func(c Config) (any, any) {
			return c.Routes["openai"].Require.Headers, map[string]RequiredHeader{"X-Azure-FDID": {Values: []string{"env:FRONT_DOOR_ID"}}}
		},
		"recipes/keys-of-the-edge.yaml": func(c Config) (any, any) { return c.Clients["team-a"].Expires, "2027-06-30" },
		"recipes/keys-and-tokens.yaml": func(c Config) (any, any) {
			return c.Routes["openai"].Require, Require{Token: []string{"staff"}, Client: true, Match: "any"}
		},
		"recipes/key-from-a-vault.yaml": func(c Config) (any, any) {
			return c.Upstreams["east"].Auth, Auth{Header: "api-key", Value: "keyvault:https://contoso.vault.azure.net/secrets/aoai-east"}
		},
		"recipes/managed-identity.yaml": func(c Config) (any, any) {
			return c.Upstreams["west"].Auth.Header + " " + c.Upstreams["west"].Auth.ManagedIdentity.Resource, "Authorization https://cognitiveservices.azure.com"
		},
		"recipes/two-keys.yaml": func(c Config) (any, any) {
			return c.Upstreams["east"].Auth.Secondary, "file:/run/secrets/aoai-key-2"
		},
		"recipes/several-upstreams.yaml": func(c Config) (any, any) {
			return c.Routes["openai"].Upstreams, []RouteUpstream{{Name: "ptu", Priority: 1, Weight: 1}, {Name: "east", Priority: 2, Weight: 70}, {Name: "west", Priority: 2, Weight: 30}}
		},
		"recipes/limits.yaml": func(c Config) (any, any) {
			return c.Routes["openai"].Limits, RouteLimits{Per: "credential", Requests: "600/m", Burst: 60, Concurrent: 50}
		},
		"recipes/shared-limits.yaml": func(c Config) (any, any) {
			return c.Shared, Shared{Redis: "rediss://edge@store.example.com:6380", Password: "env:REDIS_PASSWORD"}
		},
		"recipes/v1-clients.yaml": func(c Config) (any, any) {
			return c.Routes["v1"].Bridge.Models["o3-mini"], BridgeModel{"o3", "2024-12-01-preview"}
		},
		"recipes/traces.yaml": func(c Config) (any, any) {
			return c.Traces, Traces{
				Endpoint: "https://collector.example.com:4318", Sample: Share{0.01}, ServiceName: "apim-edge", Headers: map[string]string{"Authorization": "env:OTLP_TOKEN"},
			}
		},
		"recipes/tokens.yaml": func(c Config) (any, any) { return c.Routes["openai"].UsageModels, []string{"gpt4o-prod", "o3"} },
		"recipes/strict.yaml": func(c Config) (any, any) { return c.Routes["openai"].Credential.QueryAliases, []string{} },
	}
	files := testkit.Files(t, configs+"/*.yaml", configs+"/recipes/*.yaml")
	if len(files) != len(promises) {
		t.Errorf("found %d files, but %d are held here: %q", len(files), len(promises), files)
	}
	for name, promise := range promises {
		t.Run(name, func(t *testing.T) {
			cfg := mustLoad(t, Options{File: filepath.Join(configs, name)})
			if got, want := promise(cfg); !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			warnings := slices.DeleteFunc(cfg.Warnings(), func(p Problem) bool { // the reference's example
				return name == "reference.yaml" && p.Key == "token_policies.staff"
			})
			if len(warnings) > 0 {
				t.Errorf("a file that is given to operators has warnings: %v", warnings)
			}
		})
	}
}

// TestUnitWaitsForTheDrain holds that systemd kills later than the drain ends,
// that a reload is the signal that apim-edge knows, and that the socket is the one that
// the defaults ask for.
func TestUnitWaitsForTheDrain(t *testing.T) {
	data, err := os.ReadFile(configs + "/apim-edge.service")
	testkit.Must(t, err)
	unit := string(data)
	m := regexp.MustCompile(`(?m)^TimeoutStopSec=(\w+)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatal("the unit has no TimeoutStopSec")
	}
	stop, err := time.ParseDuration(m[1])
	testkit.Must(t, err)
	if drain := Default().Timeouts.Drain.Duration + Default().Timeouts.DrainDelay.Duration; stop <= drain {
		t.Errorf("systemd kills after %v, but the drain takes up to %v", stop, drain)
	}
	socket, err := os.ReadFile(configs + "/apim-edge.socket")
	testkit.Must(t, err)
	_, port, err := net.SplitHostPort(Default().Listen.Address)
	testkit.Must(t, err)
	for _, line := range []string{"ListenStream=" + port, "FileDescriptorName=" + sockets.Clients} {
		if !strings.Contains(string(socket), "\n"+line+"\n") {
			t.Errorf("the socket lacks %q", line)
		}
	}
	for _, line := range []string{"Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "DynamicUser=yes",
		"ExecStart=/usr/local/bin/apim-edge serve --config /etc/apim-edge/config.yaml"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit lacks %q", line)
		}
	}
}
