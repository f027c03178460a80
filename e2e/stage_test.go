//go:build e2e

package e2e

import (
	"fmt"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// stage is one edge in front of two look-alikes: one over TCP, whose gate asks
// for the subscription key, and one over TLS, whose service asks for a token.
type stage struct {
	Edge       *edge.Edge
	Key, Token *upstream
}

// config is the file of the shared edge. The decision rules, timeouts and
// limits are the defaults: what is proved is what a user gets.
const config = `
admin: {address: "127.0.0.1:0"}
log: {format: json}
upstreams:
  key: {url: "%s"}
  token: {url: "%s", tls: {ca_file: "%s"}}
routes:
  key: {path_prefix: /, upstream: key}
  token: {path_prefix: /token, strip_prefix: /token, upstream: token}
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
	started, err := edge.New(dir, fmt.Sprintf(config, key.URL, tokens.SecureURL, certificate.CertFile))
	if err != nil {
		return nil, err
	}
	return &stage{Edge: started, Key: key, Token: tokens}, nil
}

// URL is where clients ask.
func (s *stage) URL() string { return "http://" + s.Edge.Address() }

// Close ends the edge and the look-alikes.
func (s *stage) Close() {
	s.Edge.Kill()
	s.Key.Close()
	s.Token.Close()
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
