package doctor

import (
	"net/url"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestPathsOfARoute: where the API's paths begin, and by which a client reaches them.
func TestPathsOfARoute(t *testing.T) {
	for _, tc := range []struct{ name, url, prefix, strip, base, through string }{
		{"the host alone", "https://a.test", "/", "", "", "http://edge/openai/v1/models"},
		{"with /openai", "https://a.test/openai", "/", "", "", "http://edge/v1/models"},
		{"with /openai/v1/", "https://a.test/openai/v1/", "/", "", "", "http://edge/models"},
		{"an API of its own", "https://a.test/team/ai", "/", "", "/team/ai", "http://edge/openai/v1/models"},
		{"a prefix that goes on", "https://a.test", "/openai", "", "", "http://edge/openai/v1/models"},
		{"a prefix that is stripped", "https://a.test/ai", "/team-a", "/team-a", "/ai", "http://edge/team-a/openai/v1/models"},
		{"a part of it is stripped", "https://a.test", "/team-a/openai", "/team-a", "", "http://edge/team-a/openai/v1/models"},
		{"a prefix down to v1", "https://a.test", "/openai/v1", "", "", "http://edge/openai/v1/models"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			edge, err := url.Parse("http://edge/")
			testkit.Must(t, err)
			all, err := Targets(config.Config{
				Upstreams: map[string]config.Upstream{"legacy": {URL: tc.url}},
				Routes:    map[string]config.Route{"openai": {PathPrefix: tc.prefix, StripPrefix: tc.strip, Upstream: "legacy"}},
			}, edge, true)
			testkit.Must(t, err)
			target := all[0]
			if base := target.base(); base != tc.base {
				t.Errorf("base %q, want %q", base, tc.base)
			}
			if got := target.through(target.base() + "/openai/v1/models"); got != tc.through {
				t.Errorf("through the edge: %s, want %s", got, tc.through)
			}
		})
	}
}

// TestTargetsThatCannotBe: what is wrong with the files of a route is told by its key.
func TestTargetsThatCannotBe(t *testing.T) {
	empty := testkit.File(t, "ca.pem", "")
	for want, up := range map[string]config.Upstream{
		"upstreams.legacy.tls: " + empty + " holds no certificate":                           {URL: "https://a.test", TLS: config.UpstreamTLS{CAFile: empty}},
		"upstreams.legacy.tls: open /none: no such file or directory":                        {URL: "https://a.test", TLS: config.UpstreamTLS{CAFile: "/none"}},
		"upstreams.legacy.tls: open /none.pem: no such file or directory":                    {URL: "https://a.test", TLS: config.UpstreamTLS{CertFile: "/none.pem", KeyFile: "/none.key"}},
		"upstreams.legacy.proxy: env:NO_SUCH_NAME_HERE: the environment variable is not set": {URL: "https://a.test", Proxy: "env:NO_SUCH_NAME_HERE"},
	} {
		_, err := Targets(config.Config{
			Upstreams: map[string]config.Upstream{"legacy": up}, Routes: map[string]config.Route{"openai": {Upstream: "legacy"}},
		}, nil, true)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestEachOfSeveralUpstreamsIsATarget: of a route with several each is asked, and the edge
// is not, which could ask any of them.
func TestEachOfSeveralUpstreamsIsATarget(t *testing.T) {
	edge := &url.URL{Scheme: "http", Host: "edge"}
	all, err := Targets(config.Config{
		Upstreams: map[string]config.Upstream{"a": {URL: "https://a.test"}, "b": {URL: "https://b.test", Auth: config.Auth{Value: "env:X", Header: "api-key"}}},
		Routes:    map[string]config.Route{"openai": {Upstreams: []config.RouteUpstream{{Name: "a"}, {Name: "b"}}}},
	}, edge, true)
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d targets, %v", len(all), err)
	}
	for i, want := range []struct{ host, upstream, own string }{{"a.test", "a", ""}, {"b.test", "b", "api-key"}} {
		if g := all[i]; g.URL.Host != want.host || g.upstream != want.upstream || g.ownField != want.own || g.Edge != nil || g.Name != "openai" {
			t.Errorf("target %d is %+v, want %+v", i, g, want)
		}
	}
}
