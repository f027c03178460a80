package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const oneUpstream = "upstreams: {legacy: {url: https://contoso.azure-api.net}}\n"

func mustLoad(t *testing.T, o Options) Config {
	t.Helper()
	cfg, err := Load(o)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

func TestLaterLayersWin(t *testing.T) {
	const file = oneUpstream + `
listen: {address: ":1"}
admin: {address: "127.0.0.1:1"}
trusted_proxies: [10.0.0.1, 10.0.0.2, 10.0.0.3]
timeouts: {connect: 1s}
log: {level: warn}
`
	environ := []string{
		"APIM_EDGE__LISTEN__ADDRESS=:2", "APIM_EDGE__LOG__LEVEL=error", "APIM_EDGE__TRUSTED_PROXIES=10.9.0.0/16",
		"APIM_EDGE__TIMEOUTS__DRAIN=", // empty: as if it were not there
		"APIM_EDGE_PORT=tcp://10.96.0.1:443", "APIM_EDGE_SERVICE_HOST=10.96.0.1", "PATH=/bin",
	}
	cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", file), Environ: environ,
		Overrides: map[string]any{Key("listen", "address"): ":3", Key("limits", "connections"): 7, Key("timeouts", "drain_delay"): Seconds(2),
			Key("upstreams", "legacy", "url"): "https://other.azure-api.net", Key("admin", "allowed_hosts"): []string{"edge.example.com"}}})
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"a flag wins over environment and file", cfg.Listen.Address, ":3"},
		{"the environment wins over the file", cfg.Log.Level, "error"},
		{"a list replaces the list below it as a whole", cfg.TrustedProxies, []string{"10.9.0.0/16"}},
		{"the file wins over the default", cfg.Timeouts.Connect, Seconds(1)},
		{"what nobody says is the default", cfg.Timeouts.TLSHandshake, Seconds(5)},
		{"an empty variable says nothing", cfg.Timeouts.Drain, Seconds(30)},
		{"a flag may have the key's own type", cfg.Limits.Connections, 7},
		{"a flag may be a time", cfg.Timeouts.DrainDelay, Seconds(2)},
		{"a flag may be a list", cfg.Admin.AllowedHosts, []string{"edge.example.com"}},
		{"a flag reaches a named element", cfg.Upstreams["legacy"].URL, "https://other.azure-api.net"},
		{"keys beside an overridden one stay", cfg.Admin.Address, "127.0.0.1:1"},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

func TestVariablesReachNamedElements(t *testing.T) {
	const file = "upstreams:\n  my-api: {url: https://a.azure-api.net}\n  other: {url: https://b.azure-api.net}\nroutes: {all: {upstream: my-api}}\n"
	cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", file), Environ: []string{
		"APIM_EDGE__UPSTREAMS__OTHER__URL=https://c.azure-api.net",
		"APIM_EDGE__UPSTREAMS__MY_API__MAX_CONNECTIONS=9",
		"APIM_EDGE__UPSTREAMS__NEW_ONE__URL=https://d.azure-api.net",
		"APIM_EDGE__ROUTES__ALL__CORS__ALLOWED_ORIGINS=https://a.example.com, https://b.example.com",
		"APIM_EDGE__ROUTES__ALL__CREDENTIAL__KEEP_AUTHORIZATION=true",
		"APIM_EDGE__ROUTES__ALL__REQUEST_BODY=4MiB",
	}})
	all := cfg.Routes["all"]
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"an element of the file", cfg.Upstreams["other"].URL, "https://c.azure-api.net"},
		{"a name with a hyphen, which no shell can spell", cfg.Upstreams["my-api"].MaxConnections, 9},
		{"its other keys stay", cfg.Upstreams["my-api"].URL, "https://a.azure-api.net"},
		{"an element that only the environment has", cfg.Upstreams["new_one"].URL, "https://d.azure-api.net"},
		{"and no other", len(cfg.Upstreams), 3},
		{"a list", all.CORS.AllowedOrigins, []string{"https://a.example.com", "https://b.example.com"}},
		{"a truth value", all.Credential.KeepAuthorization, true},
		{"a size", all.RequestBody, Size{4 << 20}},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

func TestEnvironmentAloneIsEnough(t *testing.T) {
	cfg := mustLoad(t, Options{Environ: []string{"APIM_EDGE__UPSTREAMS__LEGACY__URL=https://contoso.azure-api.net"}})
	if got := cfg.Routes["default"].Upstream; got != "legacy" {
		t.Errorf("route default leads to %q, want legacy", got)
	}
}

func TestUpstreamFlagMakesUpstreamAndRoute(t *testing.T) {
	cfg := mustLoad(t, Options{Upstream: "https://contoso.azure-api.net/"})
	want := Default()
	want.Upstreams = map[string]Upstream{"default": {URL: "https://contoso.azure-api.net"}}
	want.Routes = map[string]Route{"default": {PathPrefix: "/", Upstream: "default"}}
	if got, want := dump(t, cfg), dump(t, want.Complete()); got != want {
		t.Errorf("Load with Upstream:\ngot\n%s\nwant\n%s", got, want)
	}
	_, err := Load(Options{Upstream: "contoso.azure-api.net"})
	const text = `--upstream: upstreams.default.url: found "contoso.azure-api.net", but a URL begins with https:// or http://; did you mean "https://contoso.azure-api.net"?`
	if err == nil || err.Error() != text {
		t.Errorf("Load with a wrong Upstream:\ngot  %v\nwant %s", err, text)
	}
}

func dump(t *testing.T, c Config) string {
	t.Helper()
	masked, err := Masked(c)
	if err != nil {
		t.Fatalf("Masked: %v", err)
	}
	return string(masked)
}

var bothAliases = []string{"api-key", "Ocp-Apim-Subscription-Key"}

func TestSilenceIsNotZero(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		idle       int
		age        Duration
		aliases    []string
	}{
		{"silence means the default", oneUpstream, 1024, Seconds(600), bothAliases},
		{"0 and [] mean 0 and none",
			"upstreams: {default: {url: https://contoso.azure-api.net, max_idle: 0}}\n" +
				"routes: {default: {cors: {max_age: 0}, credential: {aliases: []}}}\n", 0, Duration{}, []string{}},
		{"a section without keys says nothing",
			"upstreams: {default: {url: https://contoso.azure-api.net, tls: }}\n" +
				"routes: {default: {cors: , credential: }}\n", 1024, Seconds(600), bothAliases},
		{"a route without keys says nothing",
			"upstreams: {default: {url: https://contoso.azure-api.net}}\nroutes: {default: }\nlimits:\n", 1024, Seconds(600), bothAliases},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", tc.file)})
			for range 2 { // completing again changes nothing
				up := cfg.Upstreams[cfg.Routes["default"].Upstream]
				r := cfg.Routes["default"]
				if up.MaxIdle != tc.idle || r.CORS.MaxAge != tc.age || !reflect.DeepEqual(r.Credential.Aliases, tc.aliases) {
					t.Errorf("got max_idle %d, max_age %v, aliases %q, want %d, %v, %q",
						up.MaxIdle, r.CORS.MaxAge, r.Credential.Aliases, tc.idle, tc.age, tc.aliases)
				}
				cfg = cfg.Complete()
			}
		})
	}
}

func TestCompleteFillsWhatIsOpen(t *testing.T) {
	cfg := Default()
	cfg.Limits.RequestBody = Size{1 << 20}
	cfg.Upstreams = map[string]Upstream{"legacy": {URL: "https://contoso.azure-api.net/openai/"}}
	cfg.Routes = map[string]Route{
		"a": {Host: "Chat.Example.COM", PathPrefix: "/a/", StripPrefix: "/a/", Timeouts: RouteTimeouts{StreamIdle: Seconds(9)}},
		"b": {Credential: Credential{Header: "OCP-APIM-subscription-key"}},
	}
	got := cfg.Complete()
	a, b := got.Routes["a"], got.Routes["b"]
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"the only upstream", a.Upstream, "legacy"},
		{"a host in lower case", a.Host, "chat.example.com"},
		{"a prefix without its slash", a.PathPrefix, "/a"},
		{"a strip prefix without its slash", a.StripPrefix, "/a"},
		{"a URL without its slash", got.Upstreams["legacy"].URL, "https://contoso.azure-api.net/openai"},
		{"idle connections", got.Upstreams["legacy"].MaxIdle, 1024},
		{"the root", b.PathPrefix, "/"},
		{"the global timeout", a.Timeouts.ResponseHead, Seconds(300)},
		{"not over the route's own", a.Timeouts.StreamIdle, Seconds(9)},
		{"the global body limit", a.RequestBody, Size{1 << 20}},
		{"the field", a.Credential.Header, "api-key"},
		{"the form", a.Credential.Value, "{key}"},
		{"aliases, whatever the field is", b.Credential.Aliases, bothAliases},
		{"query parameters", b.Credential.QueryAliases, []string{"subscription-key"}},
		{"placeholders", len(b.Credential.Placeholders), 6},
		{"conflicts", a.Credential.OnConflict, "prefer_explicit"},
		{"missing credentials", a.Credential.OnMissing, "forward"},
		{"misplaced tokens", a.Credential.MisplacedToken, "move"},
		{"preflights", a.CORS.MaxAge, Seconds(600)},
		{"methods", len(a.CORS.AllowedMethods), 6},
		{"no origin", len(a.CORS.AllowedOrigins), 0},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
	if cfg.Routes["a"].Upstream != "" || cfg.Upstreams["legacy"].MaxIdle != 0 {
		t.Error("Complete changed the configuration that it was called on")
	}
	if problems := got.Validate(); len(problems) > 0 {
		t.Errorf("the completed configuration has problems: %v", problems)
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct{ name, file, want string }{
		{"a missing file", filepath.Join(dir, "edge.yaml"), "cannot read the file: no such file or directory"},
		{"a directory", dir, "is a directory; name the file in it"},
		{"a file without end", "/dev/zero", "is larger than 1MiB; this is no configuration"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load(Options{File: tc.file})
			var problems *Problems
			if !errors.As(err, &problems) || err.Error() != tc.file+": "+tc.want {
				t.Errorf("Load: got %v, want %s: %s", err, tc.file, tc.want)
			}
		})
	}
	t.Run("an unreadable file", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root reads everything")
		}
		file := testkit.File(t, "edge.yaml", oneUpstream)
		testkit.Must(t, os.Chmod(file, 0))
		if _, err := Load(Options{File: file}); err == nil || !strings.HasSuffix(err.Error(), "permission denied") {
			t.Errorf("Load: got %v, want permission denied", err)
		}
	})
}

func TestSpellingsOfYAML(t *testing.T) {
	want := Hash(mustLoad(t, Options{File: testkit.File(t, "edge.yaml", oneUpstream+"limits: {request_body: 0}\n")}))
	for _, tc := range []struct{ name, file string }{
		{"a byte order mark", "\ufeff" + oneUpstream},
		{"Windows line ends", "upstreams:\r\n  legacy:\r\n    url: https://contoso.azure-api.net\r\n"},
		{"an end marker", "---\n" + oneUpstream + "...\n"},
		{"quotes", "\"upstreams\": {'legacy': {\"url\": 'https://contoso.azure-api.net'}}"},
		{"an anchor that is not used", "upstreams: &u {legacy: {url: https://contoso.azure-api.net}}"},
		{"a zero in quotes", oneUpstream + "limits: {request_body: '0'}"},
		{"a truth value in capitals", oneUpstream + "log: {access: TRUE}"},
	} {
		if got := Hash(mustLoad(t, Options{File: testkit.File(t, "edge.yaml", tc.file)})); got != want {
			t.Errorf("%s: hash %s, want %s", tc.name, got, want)
		}
	}
}

func TestAliasRepeatsSection(t *testing.T) {
	cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", oneUpstream+`
routes:
  a: {path_prefix: /a, cors: &pages {allowed_origins: ["https://chat.example.com"]}}
  b: {path_prefix: /b, cors: *pages}
`)})
	if got := cfg.Routes["b"].CORS.AllowedOrigins; !reflect.DeepEqual(got, []string{"https://chat.example.com"}) {
		t.Errorf("allowed_origins of b: got %q", got)
	}
	_, err := Load(Options{File: testkit.File(t, "edge.yaml", "upstreams: &u {legacy: *u}\n")})
	if err == nil {
		t.Error("an anchor inside itself was accepted")
	}
}

func TestReloadForgetsRemovedKeys(t *testing.T) {
	file := testkit.File(t, "edge.yaml", oneUpstream+"listen: {address: ':1'}\n")
	mustLoad(t, Options{File: file})
	testkit.Write(t, file, oneUpstream)
	if got := mustLoad(t, Options{File: file}).Listen.Address; got != ":8080" {
		t.Errorf("listen.address after it was removed: got %q, want the default", got)
	}
}
