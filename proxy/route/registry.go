package route

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// registry holds the upstreams of all snapshots in use, so that a reload that
// does not change an upstream keeps its connections.
type Registry struct {
	loops   []*wire.Loop
	mu      sync.Mutex
	known   map[string]*handle   // by everything that makes an upstream what it is
	leaving []*upstream.Upstream // of no snapshot any more, but with connections in use
}

type handle struct {
	*upstream.Target
	key   string
	users int
}

// NewRegistry returns a registry of upstreams whose connections are on loops.
func NewRegistry(loops []*wire.Loop) *Registry {
	return &Registry{loops: loops, known: map[string]*handle{}}
}

// get returns the upstream with exactly these settings, a new one if need be.
// release gives it back. An error belongs to a key of the upstream's section.
func (g *Registry) get(name string, u config.Upstream, t config.Timeouts) (h *handle, key string, err error) {
	parsed, err := url.Parse(u.URL)
	if err != nil {
		return nil, "url", errors.New("this is no URL") // the library's text has the whole of it
	}
	o := upstream.Options{
		Name: name, Address: address(parsed), Connect: t.Connect.Duration, TLSHandshake: t.TLSHandshake.Duration,
		KeepAlive: t.UpstreamKeepAlive.Duration, Stall: t.RequestBodyIdle.Duration, MaxConnections: u.MaxConnections, MaxIdle: u.MaxIdle,
		OneClient: u.Share == "client",
	}
	material := ""
	if parsed.Scheme == "https" {
		if o.TLS, material, key, err = clientTLS(u.TLS, parsed.Hostname()); err != nil {
			return nil, "tls." + key, err
		}
	}
	settings := fmt.Sprintf("%s|%+v|%v|%v|%v|%v|%x", name, u, t.Connect, t.TLSHandshake, t.UpstreamKeepAlive, t.RequestBodyIdle, sha256.Sum256([]byte(material)))
	g.mu.Lock()
	defer g.mu.Unlock()
	h = g.known[settings]
	if h == nil {
		h = &handle{key: settings, Target: &upstream.Target{
			Upstream: upstream.New(o, g.loops), Prefix: strings.TrimSuffix(parsed.EscapedPath(), "/"),
		}}
		if !u.PreserveHost {
			h.Host = []byte(parsed.Host)
		}
		g.known[settings] = h
	}
	h.users++
	return h, "", nil
}

// Release gives back what a snapshot that is not going to be used any more has taken.
func (g *Registry) Release(s *Snapshot) { g.release(s.used) }

// release closes the upstreams that no snapshot uses any more. Exchanges that
// run on them end as they would have.
func (g *Registry) release(handles []*handle) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range handles {
		if h.users--; h.users == 0 {
			delete(g.known, h.key)
			h.Close()
			g.leaving = append(g.leaving, h.Upstream)
		}
	}
	g.forget()
}

// forget forgets those that have left.
func (g *Registry) forget() {
	g.leaving = slices.DeleteFunc(g.leaving, func(u *upstream.Upstream) bool { return u.Open() == 0 })
}

// All returns the upstreams in use.
func (g *Registry) All() []*upstream.Upstream {
	g.mu.Lock()
	defer g.mu.Unlock()
	var ups []*upstream.Upstream
	for _, h := range g.known {
		ups = append(ups, h.Upstream)
	}
	return ups
}

// address returns host:port to dial for a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// clientTLS builds the TLS configuration towards an upstream. material is the
// content of the files, so that a changed file makes another upstream. An error
// belongs to the key.
func clientTLS(t config.UpstreamTLS, host string) (conf *tls.Config, material, key string, err error) {
	conf = &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}
	if t.ServerName != "" {
		conf.ServerName = t.ServerName
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, "", "ca_file", err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, "", "ca_file", fmt.Errorf("%s holds no PEM certificate", t.CAFile)
		}
		material += string(pem)
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, "", "cert_file", err
		}
		conf.Certificates = []tls.Certificate{cert}
		material += string(cert.Certificate[0])
	}
	return conf, material, "", nil
}
