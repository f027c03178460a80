//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// stage is one edge in front of two look-alikes: one over TCP, whose gate asks
// for the subscription key, and one over TLS, whose service asks for a token.
type stage struct {
	Edge       *edge.Edge
	Key, Token *upstream
	identity   *httptest.Server // gives the edge a token of its own
}

// config is the file of the shared edge. The decision rules, timeouts and
// limits are the defaults: what is proved is what a user gets.
const config = `
admin: {address: "127.0.0.1:0"}
log: {format: json}
upstreams:
  key: {url: "%[1]s"}
  token: {url: "%[2]s", tls: {ca_file: "%[3]s"}}
  own: {url: "%[2]s", tls: {ca_file: "%[3]s"}, auth: {managed_identity: {resource: "https://cognitiveservices.azure.com"}}}
routes:
  key: {path_prefix: /, upstream: key}
  token: {path_prefix: /token, strip_prefix: /token, upstream: token}
  own: {path_prefix: /own, strip_prefix: /own, upstream: own, open: true}
`

func startStage(dir string) (_ *stage, err error) {
	if certificate, err = testcert.New(dir, "e2e.test"); err != nil {
		return nil, err
	}
	key, err := startUpstream(keyed)
	if err != nil {
		return nil, err
	}
	tokens, err := startUpstream(tokened)
	if err != nil {
		return nil, err
	}
	identity := httptest.NewServer(http.HandlerFunc(giveToken))
	if err := errors.Join(os.Setenv("IDENTITY_ENDPOINT", identity.URL), os.Setenv("IDENTITY_HEADER", "e2e")); err != nil {
		return nil, err
	}
	started, err := edge.New(dir, fmt.Sprintf(config, key.URL, tokens.SecureURL, certificate.CertFile))
	if err != nil {
		return nil, err
	}
	return &stage{Edge: started, Key: key, Token: tokens, identity: identity}, nil
}

// giveToken plays the identity endpoint of App Service (api-version 2019-08-01).
func giveToken(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-IDENTITY-HEADER") != "e2e" || r.URL.Query().Get("resource") != "https://cognitiveservices.azure.com" {
		http.Error(w, `{"error": "invalid_request"}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token": %q, "expires_on": "%d", "token_type": "Bearer"}`, token, time.Now().Add(time.Hour).Unix()) //nolint:errcheck // a test's end
}

// URL is where clients ask.
func (s *stage) URL() string { return "http://" + s.Edge.Address() }

// Close ends the edge and the look-alikes.
func (s *stage) Close() {
	s.Edge.Kill()
	s.Key.Close()
	s.Token.Close()
	s.identity.Close()
}

// reset forgets what the look-alikes saw.
func (s *stage) reset() {
	s.Key.reset()
	s.Token.reset()
}

// seen returns the requests of a case that reached either look-alike.
func (s *stage) seen(name string) []seenRequest {
	return append(s.Key.seen(name), s.Token.seen(name)...)
}
