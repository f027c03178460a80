package front

import (
	"crypto/tls"
	"sync/atomic"

	"github.com/apim-edge/apim-edge/internal/config"
)

// Certificate is what clients are shown. Load replaces it while connections run;
// handshakes from then on see the new one.
type Certificate struct {
	current atomic.Pointer[tls.Certificate] // nil before the first Load
	listens *tls.Config                     // nil before Config
}

// Load reads the files; on an error the certificate stays as it was.
func (c *Certificate) Load(t config.ListenTLS) error {
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return err
	}
	c.current.Store(&cert)
	return nil
}

// Current tells of the certificate in use, if there is one.
func (c *Certificate) Current(tell func(key string, shown *tls.Certificate)) {
	if cert := c.current.Load(); cert != nil {
		tell("listen.tls", cert)
	}
}

// Config returns the TLS configuration of a listener that shows the certificate.
// HTTP/2 is not offered: apim-edge speaks HTTP/1.1.
func (c *Certificate) Config() *tls.Config {
	c.listens = &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
	return c.listens
}

// ShareTickets has the tickets of sessions sealed by the first key and opened by all,
// from the next handshake on. Without keys nothing changes: crypto/tls makes up its own,
// and exchanges them once a day. Before Config there is no listener with TLS.
func (c *Certificate) ShareTickets(keys [][32]byte) {
	if len(keys) > 0 && c.listens != nil {
		c.listens.SetSessionTicketKeys(keys)
	}
}
