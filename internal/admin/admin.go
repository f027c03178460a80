// Package admin is the operator's listener: health, readiness, metrics and the
// masked configuration. It can change nothing but ask for a reload.
package admin

import (
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// Options say what the listener shows.
type Options struct {
	Admin    config.Admin
	Registry *prometheus.Registry
	// Ready returns nil, or why no new exchange should be sent here.
	Ready func() error
	// Config returns the effective configuration with secrets masked.
	Config func() ([]byte, error)
	// Reload loads the configuration again and returns why it could not.
	Reload func() error
}

// New returns the server; the caller listens and serves.
func New(o Options) (*http.Server, error) {
	guard := &guard{}
	for _, host := range o.Admin.AllowedHosts {
		guard.hosts = append(guard.hosts, strings.ToLower(host))
	}
	if o.Admin.Token != "" {
		source, err := secret.Parse(o.Admin.Token)
		if err != nil {
			return nil, err
		}
		guard.token = source
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := o.Ready(); err != nil {
			text(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		text(w, http.StatusOK, "ready\n")
	})
	mux.Handle("GET /metrics", guard.protect(promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{})))
	mux.Handle("GET /config", guard.protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		masked, err := o.Config()
		if err != nil {
			text(w, http.StatusInternalServerError, err.Error()+"\n")
			return
		}
		text(w, http.StatusOK, string(masked))
	})))
	mux.Handle("POST /reload", guard.protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := o.Reload(); err != nil {
			text(w, http.StatusUnprocessableEntity, err.Error()+"\n")
			return
		}
		text(w, http.StatusOK, "reloaded\n")
	})))
	if o.Admin.Pprof {
		mux.Handle("GET /debug/pprof/", guard.protect(http.HandlerFunc(pprof.Index)))
		mux.Handle("GET /debug/pprof/profile", guard.protect(http.HandlerFunc(pprof.Profile)))
		mux.Handle("GET /debug/pprof/trace", guard.protect(http.HandlerFunc(pprof.Trace)))
		mux.Handle("GET /debug/pprof/symbol", guard.protect(http.HandlerFunc(pprof.Symbol)))
	}
	return &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}, nil
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// guard keeps out pages that reach the listener by a name of their own (DNS
// rebinding), and, where a token is configured, everybody who does not know it.
type guard struct {
	hosts []string
	token secret.Source
}

func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.knows(r.Host) || r.Header.Get("Origin") != "" {
			text(w, http.StatusForbidden, "this host name is not allowed here; add it to admin.allowed_hosts\n")
			return
		}
		if g.token != nil {
			want, err := g.token.Current()
			if err != nil {
				text(w, http.StatusServiceUnavailable, "admin.token cannot be read\n")
				return
			}
			scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if !strings.EqualFold(scheme, "Bearer") || !want.Equal(secret.New(got)) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="apim-edge admin"`)
				text(w, http.StatusUnauthorized, "send the token of admin.token as Authorization: Bearer <token>\n")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// knows tells whether the Host field may be trusted: an address cannot be
// rebound, a name can.
func (g *guard) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	return name == "localhost" || net.ParseIP(name) != nil || slices.Contains(g.hosts, name)
}
