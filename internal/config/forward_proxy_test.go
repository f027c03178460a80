package config

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheProxyOfTheEnvironment holds which upstreams have it, and that what is in the
// configuration is a reference.
func TestTheProxyOfTheEnvironment(t *testing.T) {
	for _, tc := range []struct {
		name    string
		environ []string
		url     string
		written string
		want    string
	}{
		{"none is set", nil, "https://contoso.azure-api.net", "", ""},
		{"an https upstream", []string{"HTTPS_PROXY=http://u:p@proxy:3128"}, "https://contoso.azure-api.net", "", "env:HTTPS_PROXY"},
		{"in lower case", []string{"https_proxy=proxy:3128"}, "https://contoso.azure-api.net", "", "env:https_proxy"},
		{"upper case wins", []string{"https_proxy=a:1", "HTTPS_PROXY=b:1"}, "https://contoso.azure-api.net", "", "env:HTTPS_PROXY"},
		{"an empty one is none", []string{"HTTPS_PROXY=", "https_proxy=b:1"}, "https://contoso.azure-api.net", "", "env:https_proxy"},
		{"an http upstream", []string{"HTTPS_PROXY=http://proxy:3128", "HTTP_PROXY=http://proxy:3128"}, "http://contoso.azure-api.net", "", ""},
		{"an exception", []string{"HTTPS_PROXY=http://proxy:3128", "NO_PROXY=.azure-api.net"}, "https://contoso.azure-api.net", "", ""},
		{"an exception for a name with a dot at its end", []string{"HTTPS_PROXY=http://proxy:3128", "NO_PROXY=contoso.azure-api.net"}, "https://contoso.azure-api.net.:8443", "", ""},
		{"exceptions in lower case", []string{"HTTPS_PROXY=http://proxy:3128", "no_proxy=a,contoso.azure-api.net:443"}, "https://contoso.azure-api.net", "", ""},
		{"an exception for others", []string{"HTTPS_PROXY=http://proxy:3128", "NO_PROXY=.example.com"}, "https://contoso.azure-api.net", "", "env:HTTPS_PROXY"},
		{"a network", []string{"HTTPS_PROXY=http://proxy:3128", "NO_PROXY=10.0.0.0/8"}, "https://10.1.2.3", "", ""},
		{"everything", []string{"HTTPS_PROXY=http://proxy:3128", "NO_PROXY=*"}, "https://contoso.azure-api.net", "", ""},
		{"loopback", []string{"HTTPS_PROXY=http://proxy:3128"}, "https://localhost:8443", "", ""},
		{"the configuration wins", []string{"HTTPS_PROXY=http://proxy:3128"}, "https://contoso.azure-api.net", "http://other:3128", "http://other:3128"},
		{"the configuration wants none", []string{"HTTPS_PROXY=http://proxy:3128"}, "https://contoso.azure-api.net", "none", "none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := Load(Options{Upstream: tc.url, Environ: tc.environ, Overrides: map[string]any{"upstreams.default.proxy": tc.written}})
			testkit.Must(t, err)
			if got := cfg.Upstreams["default"].Proxy; got != tc.want {
				t.Errorf("%s with %q and proxy %q has proxy %q, want %q", tc.url, tc.environ, tc.written, got, tc.want)
			}
		})
	}
}

// TestForwardProxy holds what a proxy may be called, and that no fault shows a password.
func TestForwardProxy(t *testing.T) {
	t.Setenv("MY_PROXY", " http://u:s3cret@proxy:3128\n")
	t.Setenv("BARE_PROXY", "proxy:3128")
	t.Setenv("BAD_PROXY", "socks5://u:s3cret@proxy")
	for _, tc := range []struct {
		written, want string // the URL; empty: none
		fault         string
		masked        string
	}{
		{"", "", "", ""},
		{"none", "", "", "none"},
		{"http://proxy", "http://proxy", "", "http://proxy"},
		{"proxy.example.com:3128", "http://proxy.example.com:3128", "", "proxy.example.com:3128"},
		{"http://[::1]:3128/", "http://[::1]:3128/", "", "http://[::1]:3128/"},
		{"http://u:s3cret@proxy:3128", "http://u:s3cret@proxy:3128", "", "http://***@proxy:3128"},
		{"env:MY_PROXY", "http://u:s3cret@proxy:3128", "", "env:MY_PROXY"},
		{"env:BARE_PROXY", "http://proxy:3128", "", "env:BARE_PROXY"},
		{"env:BAD_PROXY", "", "only HTTP proxies", "env:BAD_PROXY"},
		{"env:NO_SUCH_PROXY", "", "is not set", "env:NO_SUCH_PROXY"},
		{"https://u:s3cret@proxy", "", "without TLS of its own", "***"},
		{"socks5://u:s3cret@proxy", "", "only HTTP proxies", "***"},
		{"http://u:s3cret@proxy/x?s3cret", "", "no path", "***"},
		{"http://u:s3cret@", "", "http://proxy.example.com:3128", "***"},
		{"http://u:s3%zzcret@proxy", "", "http://proxy.example.com:3128", "***"},
		{"http://proxy:s3cret", "", "http://proxy.example.com:3128", "***"},
	} {
		t.Run(tc.written, func(t *testing.T) {
			up := Upstream{URL: "https://contoso.azure-api.net", Proxy: tc.written}
			u, err := up.ForwardProxy()
			got, fault := "", ""
			if u != nil {
				got = u.String()
			}
			if err != nil {
				fault = err.Error()
			}
			if got != tc.want || !strings.Contains(fault, tc.fault) || (err == nil) != (tc.fault == "") {
				t.Errorf("the proxy is %q, %v, want %q, %s", got, err, tc.want, tc.fault)
			}
			cfg := Config{Upstreams: map[string]Upstream{"legacy": up}}.Complete()
			problems, reference := cfg.Validate(), strings.HasPrefix(tc.written, "env:")
			if found := strings.Contains(problems.Error(), "upstreams.legacy.proxy"); found != (tc.fault != "" && !reference) {
				t.Errorf("Validate = %v", problems)
			}
			if got := maskProxy(tc.written); got != tc.masked {
				t.Errorf("it is shown as %q, want %q", got, tc.masked)
			}
			warnings := cfg.Warnings()
			if all := fault + problems.Error() + warnings.Error(); strings.Contains(all, "s3cret") {
				t.Errorf("the password is shown: %s", all)
			}
			if warned := strings.Contains(warnings.Error(), "legacy.proxy"); warned != strings.HasPrefix(tc.masked, "http://***") {
				t.Errorf("Warnings = %v", warnings)
			}
		})
	}
}
