package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

const (
	keyMissing = `{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API." }`
	keyInvalid = `{ "statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription." }`
	wantsOcp   = "WWW-Authenticate: AzureApiManagementKey realm=\"https://contoso/openai\",name=\"Ocp-Apim-Subscription-Key\",type=\"header\"\n"
)

// TestARefusalIsTold holds what the access line, the metric and the field say of it,
// however its body comes, and that the body passes as it is.
func TestARefusalIsTold(t *testing.T) {
	fixed := func(status int, body string) string {
		return fmt.Sprintf("HTTP/1.1 %d X\nContent-Type: application/json\nContent-Length: %d\n", status, len(body))
	}
	for _, tc := range []struct {
		name, head, body string
		apart            bool // the body comes when the client has the head
		hint             string
		told             bool // in the field as well
	}{
		{"another field", fixed(401, keyMissing) + wantsOcp, keyMissing, false, "key_in_other_field", true},
		{"another field, the body comes later", fixed(401, keyMissing) + wantsOcp, keyMissing, true, "key_in_other_field", true},
		{"a wrong key", fixed(401, keyInvalid), keyInvalid, false, "key_invalid", true},
		{"a wrong key, the body comes later", fixed(401, keyInvalid), keyInvalid, true, "key_invalid", false},
		{"another text", fixed(403, "{}"), "{}", false, "unknown", false},
		{"a prompt that was filtered", fixed(400, `{"error":{"code":"content_filter"}}`), `{"error":{"code":"content_filter"}}`, true, "", false},
		{"no body", "HTTP/1.1 404 X\nContent-Length: 0\n", "", false, "unknown", false},
		{"a body that is compressed", fixed(401, keyInvalid) + "Content-Encoding: gzip\n", keyInvalid, false, "unknown", false},
		{"a text behind much else", fixed(401, strings.Repeat(" ", 2000)+keyInvalid), strings.Repeat(" ", 2000) + keyInvalid, true, "unknown", false},
		{"much else behind a text", fixed(401, keyInvalid+strings.Repeat(" ", 50_000)), keyInvalid + strings.Repeat(" ", 50_000), true, "key_invalid", false},
		{"another status", fixed(409, keyInvalid), keyInvalid, true, "", false},
		{"no error", fixed(200, keyInvalid), keyInvalid, true, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headOut := make(chan struct{})
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				if tc.apart {
					up.Send(tc.head + "\n")
					<-headOut
					up.Raw(tc.body)
				} else {
					up.Raw(strings.ReplaceAll(tc.head+"\n", "\n", "\r\n") + tc.body)
				}
				up.Gone()
			}), func(c *config.Config) { c.Debug.HintHeader = true })
			c := e.Dial()
			c.Send("GET /openai/v1/models HTTP/1.1\nHost: edge\nAuthorization: Bearer 0123abcd\n\n")
			m := c.Head() // comes before there is a body
			close(headOut)
			m = c.Finish(m, false)
			field := ""
			if tc.told {
				field = tc.hint
			}
			if m.Body != tc.body || m.Get("X-Apim-Edge-Hint") != field {
				t.Errorf("hint %q and body %q, want %q and %q", m.Get("X-Apim-Edge-Hint"), m.Body, field, tc.body)
			}
			if l := e.Exchange(); l["hint"] != any(tc.hint) && (l["hint"] != nil || tc.hint != "") {
				t.Errorf("hint %v in the line, want %q", l["hint"], tc.hint)
			}
			if tc.hint == "" {
				e.WantMetric("apim_edge_hints_total", 0)
				return
			}
			e.WantMetric("apim_edge_hints_total", 1)
			e.WantMetric(`apim_edge_hints_total{route="api",hint="`+tc.hint+`"}`, 1)
		})
	}
}

// TestAChunkedRefusalIsTold: the length of a chunk may come alone.
func TestAChunkedRefusalIsTold(t *testing.T) {
	size := fmt.Sprintf("%x\r\n", len(keyInvalid))
	headOut := make(chan struct{})
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send("HTTP/1.1 401 Access Denied\nContent-Type: application/json\nTransfer-Encoding: chunked\n\n")
		up.Raw(size)
		<-headOut
		up.Raw(keyInvalid + "\r\n0\r\n\r\n")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send(proxytest.PlainGet)
	m := c.Head()
	close(headOut)
	if m = c.Finish(m, false); m.Body != keyInvalid || m.Get("X-Apim-Edge-Hint") != "" {
		t.Errorf("hint %q and body %q, want no field, as nobody has asked for it", m.Get("X-Apim-Edge-Hint"), m.Body)
	}
	if l := e.Exchange(); l["hint"] != "key_invalid" {
		t.Errorf("hint %v", l["hint"])
	}
}
