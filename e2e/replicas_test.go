//go:build e2e

package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestReplicasResumeEachOthersSessions: a ticket of one process is good at another one with
// the same key, and at no other.
func TestReplicasResumeEachOthersSessions(t *testing.T) {
	t.Setenv("E2E_TICKET_KEY", strings.Repeat("k", 32))
	replica := func(keys string) *edge.Edge {
		return edge.Run(t, fmt.Sprintf("listen: {address: \"127.0.0.1:0\", tls: {cert_file: %q, key_file: %q, ticket_keys: [%s]}}\n"+
			"log: {format: json}\nupstreams: {key: {url: %q}}\nroutes: {key: {}}\n", certificate.CertFile, certificate.KeyFile, keys, shared.Key.URL))
	}
	one, other, alone := replica("env:E2E_TICKET_KEY"), replica("env:E2E_TICKET_KEY"), replica("")
	conf := certificate.Client()
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, step := range []struct {
		what string
		at   *edge.Edge
		want bool
	}{
		{"a first session", one, false},
		{"with the other replica", other, true},
		{"with the first one again", one, true},
		{"with one that has another key", alone, false},
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
		// Read to its end: the ticket of the next session stands in front of that.
		resp := testkit.Ask(t, client, http.MethodGet, "https://"+step.at.Address()+"/openai/v1/models", "")
		if resp.TLS.DidResume != step.want {
			t.Errorf("%s: resumed %v, want %v", step.what, resp.TLS.DidResume, step.want)
		}
	}
	if log := one.Log() + other.Log(); strings.Contains(log, strings.Repeat("k", 32)) {
		t.Error("the log has the key of the tickets")
	}
}

// canaryEdge sends one caller in ten to another upstream.
const canaryEdge = `
log: {format: json}
upstreams: {stable: {url: "%[1]s"}, canary: {url: "%[1]s/"}}
routes: {openai: {upstreams: [{name: stable, weight: 90}, {name: canary, weight: 10}]}}
`

// TestReplicasChooseTheSameUpstream: each caller meets the same upstream at every replica,
// be it the canary, with nothing but the configuration in common.
func TestReplicasChooseTheSameUpstream(t *testing.T) {
	const callers = 200
	var chosen [2][callers]string
	for i := range chosen {
		replica := edge.Run(t, fmt.Sprintf(canaryEdge, shared.Key.URL))
		for n := range callers {
			id := fmt.Sprintf("caller-%d", n)
			testkit.Ask(t, http.DefaultClient, http.MethodGet, "http://"+replica.Address()+"/openai/v1/models", "", "Authorization", "Bearer key-of-"+id, "X-Request-Id", id)
			chosen[i][n] = access(t, replica, id).Upstream
		}
	}
	canary := 0
	for n := range callers {
		if chosen[0][n] != chosen[1][n] {
			t.Errorf("caller %d meets %s at one replica and %s at the other", n, chosen[0][n], chosen[1][n])
		}
		if chosen[0][n] == "canary" {
			canary++
		}
	}
	if canary == 0 || canary == callers {
		t.Errorf("%d of %d callers meet the canary: nothing was chosen", canary, callers)
	}
}
