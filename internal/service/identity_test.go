package service

import (
	"net/http"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// An instance that cannot judge tokens yet gets no traffic, and says whose.
func TestReadinessNamesAnIssuerThatWasNeverReached(t *testing.T) {
	i, later := identitytest.Start(t), identitytest.Start(t)
	no := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) }
	i.Misbehave(no)
	later.Misbehave(no)
	config := func(metadata string) string {
		return `
upstreams: {legacy: {url: 'http://127.0.0.1:1'}}
token_policies: {partner: {openid_configs: ['` + metadata + `'], audiences: [a]}}
routes: {openai: {require: {token: [partner]}}}
`
	}
	r := start(t, "", config(i.Metadata))
	defer r.Stop("signal")
	ready := func() string { _, body := r.admin("GET", "/readyz"); return body }
	r.eventually("it says why", func() bool { return strings.Contains(ready(), "502") })
	if status, body := r.admin("GET", "/readyz"); status != 503 || !strings.HasPrefix(body, "no keys of issuers: "+i.Metadata) {
		t.Errorf("%d %q", status, body)
	}
	i.Misbehave(nil)
	r.eventually("it is ready", func() bool { return ready() == "ready\n" })
	for _, want := range []string{"an issuer cannot be asked", "keys of an issuer are there", i.Metadata} {
		r.eventually("the log says "+want, func() bool { return r.log.Has(want) })
	}
	i.Misbehave(no)
	if body := ready(); body != "ready\n" {
		t.Errorf("an issuer that goes away later makes it %q", body)
	}

	r.write(config(later.Metadata))
	testkit.Must(t, r.Reload("signal"))
	r.eventually("the other issuer is named", func() bool { return strings.Contains(ready(), later.Metadata) })
	r.write(config(i.Metadata))
	i.Misbehave(nil)
	testkit.Must(t, r.Reload("signal"))
	r.eventually("it is ready again", func() bool { return ready() == "ready\n" })
	if _, body := r.admin("GET", "/metrics"); !strings.Contains(body, `apim_edge_issuer_keys{issuer="`+i.Metadata+`"} 1`) || strings.Contains(body, later.Metadata) {
		t.Errorf("the metrics do not tell of the issuer in use alone:\n%s", body)
	}
}
