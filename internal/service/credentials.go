package service

import (
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/azure"
	"github.com/apim-edge/apim-edge/internal/identity/keyring"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// patience is how long a start or a reload waits for credentials that somebody else
// gives out. What comes later is used when it comes.
const patience = 5 * time.Second

// keepCredentials makes what keeps the credentials that the edge itself shows to
// upstreams. Here is the one place that knows that Azure gives them out: it is asked for
// nothing before a configuration names a vault or an identity.
func (s *Service) keepCredentials() {
	platform := func() keyring.Platform { return azure.New(azure.Options{}) }
	if s.o.Platform != nil {
		platform = func() keyring.Platform { return s.o.Platform }
	}
	s.ring = keyring.New(s.log, s.health.Register("credentials of upstreams"), platform)
	s.forget = secret.UseVaults(s.ring.Current)
}
