//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
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

func startStage(dir string) (*stage, error) {
	key, err := startUpstream(keyed)
	if err != nil {
		return nil, err
	}
	tokens, err := startUpstream(tokened)
	if err != nil {
		return nil, err
	}
	trusted := filepath.Join(dir, "upstream.pem")
	if err := writeCertificate(trusted); err != nil {
		return nil, err
	}
	started, err := edge.New(dir, fmt.Sprintf(config, key.URL, tokens.SecureURL, trusted))
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
