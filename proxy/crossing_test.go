package proxy_test

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

// TestBothWorldsCross holds that what lets a caller in and what the upstream is shown
// have nothing to do with each other: a token in front and a key behind, and the reverse.
// Nothing of the caller goes along.
func TestBothWorldsCross(t *testing.T) {
	i := identitytest.Start(t)
	token, key := i.Token(audience, nil), clientkey.Generate()
	both := guarded(i, func(c *config.Config) {
		c.Clients = map[string]config.Client{"team": {Keys: []string{clientkey.Hash(key)}}}
		r := c.Routes["api"]
		r.Require.Client = true
		c.Routes["api"] = r
	})
	for _, tc := range []struct {
		name, credential, field, value string
		status                         int
	}{
		{"a token in front, a key behind", bearer(token), "api-key", "the-own-key", 200},
		{"a key in front, a token behind", bearer(key), "Authorization", "Bearer the-own-token", 200},
		{"both in front", bearer(token) + "api-key: " + key + "\n", "api-key", "the-own-key", 200},
		{"a key of the upstream's in front opens nothing", bearer("the-own-key"), "api-key", "the-own-key", 401},
		{"nothing in front", "", "api-key", "the-own-key", 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			own := upstream.NewCredential(tc.field, "test", false, func(upstream.CredentialEvent) {})
			own.Set([]byte(tc.value), nil)
			e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, echo), own, both)
			waitForKeys(t, e)
			m := e.Ask(with(tc.credential))
			e.Exchange()
			if m.Status() != tc.status {
				t.Fatalf("answer %v, want %d", m, tc.status)
			}
			if tc.status != 200 {
				return
			}
			if strings.Contains(m.Body, token) || strings.Contains(m.Body, key) {
				t.Errorf("a credential of the caller goes upstream:\n%s", m.Body)
			}
			if !strings.Contains(m.Body, "\n"+tc.field+": "+tc.value) {
				t.Errorf("the upstream is not shown %s: %s\n%s", tc.field, tc.value, m.Body)
			}
			if who := "X-Caller: somebody"; strings.Contains(tc.credential, token) != strings.Contains(m.Body, who) {
				t.Errorf("%s: %v", who, strings.Contains(m.Body, who))
			}
		})
	}
}
