package route

import (
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestWhatAnUpstreamIsCalled holds what is dialed, what the certificate has to be for,
// and what the Host field says. A dot at the end of a name is the resolver's business.
func TestWhatAnUpstreamIsCalled(t *testing.T) {
	for _, tc := range []struct{ url, dials, verifies, host string }{
		{"https://contoso.azure-api.net", "contoso.azure-api.net:443", "contoso.azure-api.net", "contoso.azure-api.net"},
		{"https://contoso.azure-api.net./x", "contoso.azure-api.net.:443", "contoso.azure-api.net", "contoso.azure-api.net"},
		{"https://contoso.azure-api.net.:8443", "contoso.azure-api.net.:8443", "contoso.azure-api.net", "contoso.azure-api.net:8443"},
		{"https://10.1.2.3:8443", "10.1.2.3:8443", "10.1.2.3", "10.1.2.3:8443"},
		{"https://[fd00::1]", "[fd00::1]:443", "fd00::1", "[fd00::1]"},
		{"https://[fd00::1]:8443", "[fd00::1]:8443", "fd00::1", "[fd00::1]:8443"},
	} {
		t.Run(tc.url, func(t *testing.T) {
			conf := config.Default()
			conf.Upstreams = map[string]config.Upstream{"legacy": {URL: tc.url}}
			conf = conf.Complete()
			if problems := conf.Validate(); len(problems) > 0 {
				t.Fatalf("the url is refused: %v", problems)
			}
			g := NewRegistry(nil)
			h, _, err := g.get("legacy", conf.Upstreams["legacy"], conf.Timeouts)
			if err != nil {
				t.Fatal(err)
			}
			if h.Address != tc.dials || h.TLS.ServerName != tc.verifies || string(h.Host) != tc.host {
				t.Errorf("it is dialed as %q, verified as %q and called %q, want %q, %q, %q", h.Address, h.TLS.ServerName, h.Host, tc.dials, tc.verifies, tc.host)
			}
		})
	}
}
