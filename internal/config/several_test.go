package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const twoUpstreams = `
upstreams:
  east: {url: https://east.azure-api.net}
  west: {url: https://west.azure-api.net, breaker: {failures: 0}}
routes:
  openai:
`

// TestSeveralUpstreams holds what is filled in, and that writing the result and reading
// it again changes nothing.
func TestSeveralUpstreams(t *testing.T) {
	hash := "sha256:" + strings.Repeat("0a", 32)
	for _, tc := range []struct{ name, route, want string }{
		{"names alone", "upstreams: [{name: east}, {name: west}]", "[{east 1 1 [] } {west 1 1 [] }]"},
		{"one of them", "upstreams: [{name: west, priority: 3}]", "[{west 3 1 [] }]"},
		{"priority and weight", "upstreams:\n      - name: east\n      - {name: west, priority: 2, weight: 30}", "[{east 1 1 [] } {west 2 30 [] }]"},
		{"for callers alone", `upstreams: [{name: east}, {name: west, callers: ["` + hash + `"]}]`, "[{east 1 1 [] } {west 1 0 [" + hash + "] }]"},
		{"for callers, and a share", `upstreams: [{name: east}, {name: west, weight: 5, callers: ["` + hash + `"]}]`, "[{east 1 1 [] } {west 1 5 [" + hash + "] }]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", twoUpstreams+"    "+tc.route+"\n")})
			r := conf.Routes["openai"]
			if got := fmt.Sprint(r.Upstreams); got != tc.want {
				t.Errorf("upstreams %s, want %s", got, tc.want)
			}
			if r.Upstream != "" || r.Sticky != "credential" || fmt.Sprint(r.Failover) != "{[connect 429 503] 256KiB}" {
				t.Errorf("the route is completed as upstream %q, sticky %q, failover %v", r.Upstream, r.Sticky, r.Failover)
			}
			if a, b := conf.Upstreams["east"].Breaker, conf.Upstreams["west"].Breaker; a != defaultBreaker || b.Failures != 0 || b.Open != defaultBreaker.Open {
				t.Errorf("breakers %v and %v", a, b)
			}
			masked, err := Masked(conf)
			testkit.Must(t, err)
			again, err := loadBytes(masked, Options{})
			if err != nil || Hash(again) != Hash(conf) {
				t.Errorf("read again: %v\n%s", err, masked)
			}
			if text := conf.Warnings().Error(); tc.name != "one of them" && text != "" {
				t.Errorf("warned of %s", text)
			}
		})
	}
}

// TestNothingIsMoved holds that an empty list says so, as does a body of 0.
func TestNothingIsMoved(t *testing.T) {
	conf := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", twoUpstreams+"    upstreams: [{name: east}, {name: west}]\n    failover: {on: [], body_head: 0}\n")})
	if f := conf.Routes["openai"].Failover; len(f.On) != 0 || f.BodyHead.Bytes != 0 {
		t.Errorf("failover %v", f)
	}
}

// TestAListOfSectionsIsNoVariable holds that the list is written in the file alone, and
// that its route's other keys are variables like any.
func TestAListOfSectionsIsNoVariable(t *testing.T) {
	file := twoUpstreams + "    upstreams: [{name: east}, {name: west}]\n"
	_, err := loadBytes([]byte(file), Options{Environ: []string{"APIM_EDGE__ROUTES__OPENAI__UPSTREAMS=east"}})
	if err == nil || !strings.HasPrefix(err.Error(), "APIM_EDGE__ROUTES__OPENAI__UPSTREAMS: no such variable: a list of sections is written in the file") {
		t.Errorf("got %v", err)
	}
	conf, err := loadBytes([]byte(file), Options{Environ: []string{"APIM_EDGE__ROUTES__OPENAI__FAILOVER__ON=connect", "APIM_EDGE__ROUTES__OPENAI__STICKY=none"}})
	if r := conf.Routes["openai"]; err != nil || r.Sticky != "none" || len(r.Failover.On) != 1 {
		t.Errorf("got %v and %v", r, err)
	}
}

// TestAnUpstreamOfTheClientsShape holds that strip_prefix is for upstreams that the bridge
// does not lead to, and that a prefix which is doubled is told of them as without a bridge.
func TestAnUpstreamOfTheClientsShape(t *testing.T) {
	const text = twoUpstreams + `    path_prefix: /team/openai/v1
    strip_prefix: /team
    bridge: {to: legacy, models: {gpt-4o: {api_version: 2024-10-21}}}
    upstreams: [{name: east}, {name: west, shape: v1}]
`
	conf := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", text)})
	if w := conf.Warnings().Error(); w != "" {
		t.Errorf("warned of %s", w)
	}
	conf = mustLoad(t, Options{File: testkit.File(t, "edge.yaml", strings.Replace(text, "west.azure-api.net", "west.azure-api.net/openai", 1))})
	if w := conf.Warnings().Error(); !strings.Contains(w, "/team/openai/v1/models goes to https://west.azure-api.net/openai/openai/v1/models") {
		t.Errorf("warned of %q", w)
	}
}
