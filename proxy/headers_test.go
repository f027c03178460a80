package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

const frontDoor = "8f3e1d2c-front-door"

// askForHeaders has the route of a test ask for fields.
func askForHeaders(headers map[string]config.RequiredHeader) func(*config.Config) {
	return func(c *config.Config) {
		r := c.Routes["api"]
		r.Require.Headers, r.CORS.AllowedOrigins = headers, []string{proxytest.Page}
		c.Routes["api"] = r
		c.Listen.HealthPath = "/healthz"
	}
}

// throughFrontDoor has it ask for the id of a Front Door.
func throughFrontDoor(t *testing.T) func(*config.Config) {
	t.Setenv("FRONT_DOOR_ID", frontDoor)
	return askForHeaders(map[string]config.RequiredHeader{"X-Azure-FDID": {Values: []string{"env:OTHER_FRONT_DOOR", "env:FRONT_DOOR_ID"}}})
}

func TestAFieldThatARequestMustHave(t *testing.T) {
	t.Setenv("OTHER_FRONT_DOOR", "another")
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), throughFrontDoor(t))
	for _, tc := range []struct {
		lines string
		want  string // of the message; empty: it passes
	}{
		{"X-Azure-FDID: " + frontDoor + "\n", ""},
		{"x-azure-fdid:" + frontDoor + "  \n", ""},
		{"X-Azure-FDID: another\n", ""},
		{"", "the field X-Azure-FDID is missing"},
		{"X-Azure-FDID: " + strings.ToUpper(frontDoor) + "\n", "none of the values"},
		{"X-Azure-FDID: somebody-else\n", "none of the values"},
		{"X-Azure-FDID: " + frontDoor + ", " + frontDoor + "\n", "none of the values"},
		{"X-Azure-FDID: somebody-else\nX-Azure-FDID: " + frontDoor + "\n", "several times"},
		{"X_Azure_FDID: " + frontDoor + "\n", "is missing"},
	} {
		m := e.Ask("GET /v1/x HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n" + tc.lines + bearer("0123abcd") + "\n")
		if tc.want == "" {
			if m.Status() != 200 {
				t.Errorf("%q is answered %q", tc.lines, m.First)
			}
			e.WantExchange(200, "complete")
			continue
		}
		proxytest.WantError(t, m, 403, "header_not_allowed", "false")
		wantReadable(t, m, true)
		if l := e.WantExchange(403, "header_not_allowed"); !strings.Contains(fmt.Sprint(l["error"]), tc.want) || !strings.Contains(m.Body, tc.want) || l["reason"] != nil {
			t.Errorf("%q: %s, and access line %v, want %q", tc.lines, m.Body, l, tc.want)
		}
		if all := strings.ToLower(m.Body); strings.Contains(all, frontDoor) || strings.Contains(all, "somebody-else") {
			t.Errorf("%q: the answer shows a value: %s", tc.lines, m.Body)
		}
	}
	e.WantMetric(`apim_edge_exchanges_inflight`, 0)
}

// TestAFieldIsAskedForBetweenAddressAndCredential: who comes from elsewhere learns nothing
// of it, and who lacks it nothing of a credential.
func TestAFieldIsAskedForBetweenAddressAndCredential(t *testing.T) {
	t.Setenv("OTHER_FRONT_DOOR", "another")
	change := throughFrontDoor(t)
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) {
		askForClients(c)
		callableFrom(config.Addresses{Deny: []string{"192.0.2.0/24"}})(c)
		change(c)
	})
	for _, tc := range []struct {
		address, lines string
		status         int
		cause          string
	}{
		{"192.0.2.1", "", 403, "address_not_allowed"},
		{"203.0.113.7", bearer("a b"), 403, "header_not_allowed"},
		{"203.0.113.7", "X-Azure-FDID: another\n" + bearer("other"), 401, "client_unknown"},
	} {
		if m := e.Ask("GET /v1/x HTTP/1.1\nHost: edge\nX-Forwarded-For: " + tc.address + "\n" + tc.lines + "\n"); m.Status() != tc.status {
			t.Errorf("%+v is answered %q", tc, m.First)
		}
		e.WantExchange(tc.status, tc.cause)
	}
}

// TestWhatNoFieldIsAskedFor: preflights, whose page is to see the real answer, and probes.
func TestWhatNoFieldIsAskedFor(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), askForHeaders(map[string]config.RequiredHeader{"X-Front": {}}))
	wantAnsweredUnasked(t, e)
}

// TestAValueThatCannotBeReadIsNoReload: the edge goes on with what it has.
func TestAValueThatCannotBeReadIsNoReload(t *testing.T) {
	url := proxytest.StartUpstream(t, echoes...)
	e := proxytest.StartEdge(t, url, nil)
	change := askForHeaders(map[string]config.RequiredHeader{"X-Front": {Values: []string{"env:NO_SUCH_FRONT"}}})
	err := e.Use(proxytest.Configuration(url, change))
	if err == nil || !strings.Contains(err.Error(), "routes.api.require.headers.X-Front.values: env:NO_SUCH_FRONT: the environment variable is not set") {
		t.Errorf("a value that is not there: %v", err)
	}
	if m := e.Ask(proxytest.PlainGet); m.Status() != 200 {
		t.Errorf("answered %q", m.First)
	}
	e.Exchange()
}

func TestExplainNamesTheFieldsOfARoute(t *testing.T) {
	t.Setenv("OTHER_FRONT_DOOR", "another")
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), throughFrontDoor(t))
	for lines, want := range map[string]string{
		"X-Azure-FDID: another\r\n": "routes.api.require.headers.X-Azure-FDID: passes; the request must have X-Azure-FDID once, with the value of env:OTHER_FRONT_DOOR or env:FRONT_DOOR_ID",
		"":                          "routes.api.require.headers.X-Azure-FDID: 403 header_not_allowed",
	} {
		explained := e.Edge.Explain([]byte("GET / HTTP/1.1\r\nHost: edge\r\n" + lines + "\r\n"))
		if gates := fmt.Sprint(explained.Gates); !strings.Contains(gates, want) {
			t.Errorf("gates %s, want %s", gates, want)
		}
		if strings.Contains(explained.Head, "another") {
			t.Errorf("explain shows the value:\n%s", explained.Head)
		}
	}
}

// TestAFileWithAValue: it is read at the start, and its line end is not a part of it.
func TestAFileWithAValue(t *testing.T) {
	file := testkit.File(t, "fdid", frontDoor+"\n")
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echoes...), askForHeaders(map[string]config.RequiredHeader{"X-Azure-FDID": {Values: []string{"file:" + file}}}))
	if m := e.Ask("GET /v1/x HTTP/1.1\nHost: edge\nX-Azure-FDID: " + frontDoor + "\n\n"); m.Status() != 200 {
		t.Errorf("answered %q", m.First)
	}
	e.WantExchange(200, "complete")
}
