package route

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// A Registry holds the upstreams of all snapshots in use, so that a reload that
// does not change an upstream keeps its connections. Reloads and the metrics use it,
// each on a goroutine of its own; an exchange has what it needs of it in its route.
type Registry struct {
	loops []*wire.Loop
	// OpenCredential has the credential of an upstream kept current until stop is called;
	// nil: none is asked for anywhere, and *** stands in its place. It is set before
	// Compile is called.
	OpenCredential func(name string, a config.Auth) (c *upstream.Credential, stop func(), err error)
	// OpenStore opens the store that replicas share until stop is called; nil: each route
	// counts for itself. It is set before Compile is called.
	OpenStore func(config.Shared) (s Store, stop func(), err error)
	// OnOldAnswer is that of all upstreams; set before the first of them.
	OnOldAnswer func(upstream string, age time.Duration, why error)
	// OnChange is that of all upstreams; set as OnOldAnswer.
	OnChange func(upstream string, now upstream.Condition, left time.Duration)
	// Guard has the keys of whoever issues tokens; set before the first snapshot that
	// asks for one.
	Guard *identity.Guard

	counts *counts

	mu      sync.Mutex           // guards what stands below, and users
	known   map[string]*handle   // by everything that makes an upstream what it is
	leaving []*upstream.Upstream // of no snapshot any more, but with connections in use
}

// A handle is an upstream that snapshots use.
type handle struct {
	*upstream.Target
	key   string // in known
	users int    // snapshots that have it; at 0 it is no longer known
	stop  func() // ends what keeps its credential; nil: there is none
}

// NewRegistry returns a registry of upstreams whose connections are on loops.
func NewRegistry(loops []*wire.Loop) *Registry {
	return &Registry{loops: loops, known: map[string]*handle{}, counts: newCounts()}
}

// get returns the upstream with exactly these settings, a new one if need be. Calls do
// not overlap, as those of Compile do not.
// release gives it back. An error belongs to a key of the upstream's section.
func (g *Registry) get(name string, u config.Upstream, t config.Timeouts) (h *handle, key string, err error) {
	parsed, err := url.Parse(u.URL)
	if err != nil {
		return nil, "url", errors.New("this is no URL") // the library's text has the whole of it
	}
	o := upstream.Options{
		Name: name, Address: address(parsed), Connect: t.Connect.Duration, TLSHandshake: t.TLSHandshake.Duration,
		KeepAlive: t.UpstreamKeepAlive.Duration, MaxAge: u.MaxAge.Duration, Stall: t.RequestBodyIdle.Duration, MaxConnections: u.MaxConnections, MaxDials: u.MaxDials, MaxIdle: u.MaxIdle,
		Breaker:   upstream.Breaker{Failures: u.Breaker.Failures, Within: u.Breaker.Within.Duration, Open: u.Breaker.Open.Duration},
		Probe:     upstream.Probe{Path: probePath(u, parsed), Host: authority(parsed), Every: u.Probe.Every.Duration},
		OneClient: u.Share == "client", OnOldAnswer: g.OnOldAnswer, OnChange: g.OnChange,
	}
	var material []byte
	through, err := u.ForwardProxy()
	if err != nil && !(g.OpenCredential == nil && config.IsVaulted(err)) {
		return nil, "proxy", err
	}
	if through != nil {
		o.Proxy = upstream.NewProxy(address(through), through.User)
		material = append(material, through.String()+"\n"...)
	}
	if parsed.Scheme == "https" {
		var files []byte
		if o.TLS, files, key, err = clientTLS(u.TLS, strings.TrimSuffix(parsed.Hostname(), ".")); err != nil {
			return nil, "tls." + key, err
		}
		material = append(material, files...)
	}
	// All that makes an upstream what it is. What is missing here would be changed by a
	// reload and not used; what is too much costs connections that could have been kept.
	// A hash, because the settings may hold the password of a proxy.
	settings := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s|%+v|%v|%v|%v|%v|%x", name, u, t.Connect, t.TLSHandshake, t.UpstreamKeepAlive, t.RequestBodyIdle, material)))
	if h = g.takeKnown(settings); h != nil {
		return h, "", nil
	}
	h = &handle{key: settings, users: 1, Target: &upstream.Target{
		Upstream: upstream.New(o, g.loops), Prefix: strings.TrimSuffix(parsed.EscapedPath(), "/"),
	}}
	if !u.PreserveHost {
		h.Host = []byte(authority(parsed))
	}
	if key, err := g.openCredential(h, name, u.Auth); err != nil {
		h.Close()
		return nil, key, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[settings] = h
	return h, "", nil
}

// takeKnown takes the handle with these settings, nil where there is none.
func (g *Registry) takeKnown(settings string) *handle {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.known[settings]
	if h != nil {
		h.users++
	}
	return h
}

// openCredential gives a new handle what the edge itself shows to its upstream. It may
// have to read a file, so that mu is not held: metrics would wait for it.
func (g *Registry) openCredential(h *handle, name string, a config.Auth) (key string, err error) {
	switch {
	case !a.Set():
		return "", nil
	case g.OpenCredential == nil:
		c := upstream.NewCredential(a.Header, a.Source(), a.KeepCaller, func(upstream.CredentialEvent) {})
		c.Set([]byte("***"), nil)
		h.Shows(c)
		return "", nil
	}
	c, stop, err := g.OpenCredential(name, a)
	if err != nil {
		return "auth", err
	}
	h.Shows(c)
	h.stop = stop
	return "", nil
}

// Release gives back what a snapshot that is not going to be used any more has taken.
// It must be called once for each: twice would close an upstream that another uses.
func (g *Registry) Release(s *Snapshot) {
	g.release(s.used)
	for _, give := range s.given {
		give()
	}
	for _, p := range s.gates {
		g.Guard.Release(p)
	}
}

// release closes the upstreams that no snapshot uses any more. Exchanges that
// run on them end as they would have. A new snapshot takes before the old one gives
// back, so that what both use is never without a user.
func (g *Registry) release(handles []*handle) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range handles {
		if h.users--; h.users == 0 {
			delete(g.known, h.key)
			h.Close()
			if h.stop != nil {
				h.stop()
			}
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

// probePath puts the path of a probe behind that of the url.
func probePath(u config.Upstream, parsed *url.URL) string {
	if u.Probe.Path == "" {
		return ""
	}
	return strings.TrimSuffix(parsed.EscapedPath(), "/") + u.Probe.Path
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

// authority returns host and port for the Host field. A dot at the end of a name is
// for the resolver: no certificate and no virtual host has it.
func authority(u *url.URL) string {
	host := u.Hostname()
	return strings.TrimSuffix(strings.Replace(u.Host, host, strings.TrimSuffix(host, "."), 1), ".")
}

// clientTLS builds the TLS configuration towards an upstream. material is the
// content of all its files, so that any change in one makes another upstream: a
// chain can be corrected while its leaf stays (issue 15, B6). An error belongs to
// the key. HTTP/2 is not offered: an upstream that took it up would be sent HTTP/1.1
// (docs/decisions/0016-http-1-1-only.md). Sessions are resumed, which spares a part
// of the handshake.
func clientTLS(t config.UpstreamTLS, host string) (conf *tls.Config, material []byte, key string, err error) {
	conf = &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
		// How API Management asks for a client certificate under TLS 1.2, when a
		// policy wants one: behind the request (wire.ErrRenegotiation).
		Renegotiation: tls.RenegotiateOnceAsClient,
	}
	if t.ServerName != "" {
		conf.ServerName = t.ServerName
	}
	// Each file is read once: what is hashed is what is used.
	var content [3][]byte
	for i, file := range []struct{ key, path string }{{"ca_file", t.CAFile}, {"cert_file", t.CertFile}, {"key_file", t.KeyFile}} {
		if file.path == "" {
			continue
		}
		if content[i], err = os.ReadFile(file.path); err != nil {
			return nil, nil, file.key, err
		}
		material = append(binary.AppendUvarint(material, uint64(len(content[i]))), content[i]...)
	}
	if t.CAFile != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(content[0]) {
			return nil, nil, "ca_file", fmt.Errorf("%s holds no PEM certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := tls.X509KeyPair(content[1], content[2])
		if err != nil {
			return nil, nil, "cert_file", err
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return conf, material, "", nil
}
