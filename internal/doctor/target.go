package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// Target is an API as one route of an edge asks it.
type Target struct {
	// Name is that of the route; empty for an API that no configuration names.
	Name string
	// URL is where the upstream's paths begin.
	URL *url.URL
	// Edge is where clients' paths begin, where an edge is asked as well, and Host
	// what they call it by, where the route wants a name.
	Edge *url.URL
	Host string

	route    config.Route
	upstream string // its name
	shape    string // that the upstream speaks, by the route's bridge; empty: that is not written
	// ownField is where the edge shows the upstream a credential of its own, which this
	// examination does not have; empty: it shows the caller's.
	ownField string
	tls      *tls.Config
	proxy    *url.URL
}

// Targets returns those of a configuration's routes, in the order of their names, each
// upstream of a route by itself. edge
// is the URL of a running edge, nil for none. named tells that the routes have names that
// somebody has given them.
func Targets(conf config.Config, edge *url.URL, named bool) (all []Target, err error) {
	for _, name := range slices.Sorted(maps.Keys(conf.Routes)) {
		r := conf.Routes[name]
		ups := r.UpstreamNames()
		for i, up := range ups {
			t := Target{Name: name, route: r, upstream: up, shape: r.Bridge.To, Host: r.Host}
			if len(r.Upstreams) > 0 && r.Upstreams[i].Shape != "" {
				t.shape = r.Upstreams[i].Shape
			}
			if !named {
				t.Name = ""
			}
			if len(ups) == 1 { // of several nobody knows which one the edge asks
				t.Edge = edge
			}
			if err := t.reach(conf.Upstreams[up]); err != nil {
				return nil, err
			}
			all = append(all, t)
		}
	}
	return all, nil
}

// reach takes over how the upstream is reached, and what it is shown.
func (t *Target) reach(up config.Upstream) (err error) {
	if t.URL, err = url.Parse(up.URL); err != nil {
		return errors.New("upstreams." + t.upstream + ".url cannot be read")
	}
	if t.tls, err = clientTLS(up.TLS); err != nil {
		return fmt.Errorf("upstreams.%s.tls: %w", t.upstream, err)
	}
	if t.proxy, err = up.ForwardProxy(); err != nil {
		return fmt.Errorf("upstreams.%s.proxy: %w", t.upstream, err)
	}
	if up.Auth.Set() {
		if t.ownField = spelled(up.Auth.Header); up.Auth.Value == "" {
			t.ownField = authorization // where a managed identity has its token
		}
	}
	return nil
}

// clientTLS is what the connection is secured by, as the edge would do it.
func clientTLS(c config.UpstreamTLS) (*tls.Config, error) {
	out := &tls.Config{ServerName: c.ServerName}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, err
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(c.CAFile + " holds no certificate")
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, err
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// shown is a URL as people may see it.
func (t *Target) shown(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return strings.TrimSuffix(bare.String(), "/")
}

// base is what stands in front of /openai in the upstream's paths. People give URLs with
// and without it, and routes end anywhere.
func (t *Target) base() string {
	strip := strings.TrimSuffix(t.route.StripPrefix, "/")
	path := strings.TrimSuffix(t.URL.EscapedPath(), "/") + strings.TrimPrefix(strings.TrimSuffix(t.route.PathPrefix, "/"), strip)
	for _, end := range []string{"/v1", "/openai"} {
		path = strings.TrimSuffix(path, end)
	}
	return path
}

// direct is the URL of one of the upstream's paths.
func (t *Target) direct(path string) string { return t.URL.Scheme + "://" + t.URL.Host + path }

// through is the URL by which a client reaches the same at the edge.
func (t *Target) through(path string) string {
	own := strings.TrimSuffix(t.URL.EscapedPath(), "/")
	return t.Edge.Scheme + "://" + t.Edge.Host + strings.TrimSuffix(t.Edge.EscapedPath(), "/") +
		strings.TrimSuffix(t.route.StripPrefix, "/") + strings.TrimPrefix(path, own)
}
