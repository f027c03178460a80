package config

import (
	"os"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestMaskedShowsNoSecret(t *testing.T) {
	const secret = "hunter2"
	for _, tc := range []struct {
		name string
		edit func(*Config)
		want string
	}{
		{"a literal token", func(c *Config) { c.Admin.Token = secret }, "token: '***'"},
		{"a wrong reference", func(c *Config) { c.Admin.Token = "env:" + secret + "!" }, "token: '***'"},
		{"a password", setURL("https://user:" + secret + "@contoso.azure-api.net"), "url: https://***@contoso.azure-api.net"},
		{"a password with a slash", setURL("https://user:x/" + secret + "@contoso.azure-api.net"), "url: https://***@contoso.azure-api.net"},
		{"a password with an at sign", setURL("https://user:x@" + secret + "@contoso.azure-api.net"), "url: https://***@contoso.azure-api.net"},
		{"a password without scheme", setURL("user:" + secret + "@contoso.azure-api.net"), "url: '***@contoso.azure-api.net'"},
		{"a key in a query", setURL("https://contoso.azure-api.net?key=" + secret), "url: https://contoso.azure-api.net?***"},
		{"a key in a fragment", setURL("https://contoso.azure-api.net#" + secret), "url: https://contoso.azure-api.net\n"},
		{"a literal header of traces", func(c *Config) { c.Traces.Headers = map[string]string{"authorization": secret} }, "headers: {authorization: '***'}"},
		{"nothing of a header's reference", func(c *Config) { c.Traces.Headers = map[string]string{"authorization": "env:OTLP_TOKEN"} }, "headers: {authorization: 'env:OTLP_TOKEN'}"},
		{"a password of the collector", func(c *Config) { c.Traces.Endpoint = "http://user:" + secret + "@collector" }, "endpoint: http://***@collector"},
		{"nothing of a reference", func(c *Config) { c.Admin.Token = "env:ADMIN_TOKEN" }, "token: env:ADMIN_TOKEN"},
		{"nothing of a file's path", func(c *Config) { c.Admin.Token = "file:/run/token" }, "token: file:/run/token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := Default()
			c.Upstreams = map[string]Upstream{"legacy": {URL: "https://contoso.azure-api.net"}}
			tc.edit(&c)
			got := dump(t, c)
			if strings.Contains(got, secret) || !strings.Contains(got, tc.want) {
				t.Errorf("Masked: want %q and no secret in\n%s", tc.want, got)
			}
			problems, warnings := c.Complete(), c.Complete()
			if text := problems.Validate().Error() + warnings.Warnings().Error(); strings.Contains(text, secret) {
				t.Errorf("a problem shows the secret: %s", text)
			}
		})
	}
}

func setURL(url string) func(*Config) {
	return func(c *Config) { c.Upstreams["legacy"] = Upstream{URL: url} }
}

func TestHashNamesTheEffectiveConfiguration(t *testing.T) {
	hash := func(file string, environ ...string) string {
		return Hash(mustLoad(t, Options{File: testkit.File(t, "edge.yaml", file), Environ: environ}))
	}
	base := hash(oneUpstream)
	for _, tc := range []struct {
		name, hash string
		same       bool
	}{
		{"the same again", hash(oneUpstream), true},
		{"another layout", hash("# x\nupstreams:\n  legacy:\n    url: https://contoso.azure-api.net/\n"), true},
		{"a default that is written down", hash(oneUpstream + "timeouts: {connect: 5000ms}\n"), true},
		{"another source", hash("upstreams: {legacy: }", "APIM_EDGE__UPSTREAMS__LEGACY__URL=https://contoso.azure-api.net"), true},
		{"another timeout", hash(oneUpstream + "timeouts: {connect: 6s}\n"), false},
		{"another name", hash("upstreams: {modern: {url: https://contoso.azure-api.net}}"), false},
	} {
		if (tc.hash == base) != tc.same {
			t.Errorf("%s: hash %s, base %s, want same %v", tc.name, tc.hash, base, tc.same)
		}
	}
	if len(base) != 12 {
		t.Errorf("hash %q, want 12 characters", base)
	}
}

// FuzzLoad holds that loading never panics, that every problem is one line, and
// that an accepted configuration is the same after it was written and read.
func FuzzLoad(f *testing.F) {
	seeds, err := os.ReadDir("testdata/invalid")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range seeds {
		data, err := os.ReadFile("testdata/invalid/" + seed.Name())
		if err != nil {
			f.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "-- edge.yaml --\n")
		file, _, _ := strings.Cut(rest, "-- ")
		f.Add([]byte(file), "TIMEOUTS__CONNECT", "3s")
	}
	f.Add([]byte(oneUpstream+"routes: {a: {credential: {aliases: [], placeholders: ['null', '~', ' ', \"\\n\", '\u0085']}}}"), "ROUTES__A__HOST", "a.example.com")
	f.Fuzz(func(t *testing.T, file []byte, variable, value string) {
		cfg, err := loadBytes(file, Options{Environ: []string{envPrefix + variable + "=" + value}})
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "edge.yaml") && !strings.HasPrefix(line, envPrefix) && !strings.HasPrefix(line, "flag") {
					t.Fatalf("a problem without place, or not one line: %q", err)
				}
			}
			return
		}
		masked, err := Masked(cfg)
		if err != nil {
			t.Fatalf("Masked: %v", err)
		}
		again, err := loadBytes(masked, Options{})
		if err != nil {
			t.Fatalf("the written configuration is refused: %v\n%s", err, masked)
		}
		if Hash(again) != Hash(cfg) {
			second, _ := Masked(again)
			t.Fatalf("the written configuration differs:\n%s\nread again:\n%s", masked, second)
		}
	})
}

// loadBytes is Load with the content of edge.yaml.
func loadBytes(data []byte, o Options) (Config, error) {
	o.File = "edge.yaml"
	root, problem := parseYAML(o.File, data)
	if problem != nil {
		return Config{}, &Problems{*problem}
	}
	return merge(fileLayer(o.File, root), o)
}
