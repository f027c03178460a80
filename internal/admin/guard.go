package admin

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// guard keeps out pages that reach the listener by a name of their own (DNS
// rebinding), and, where a token is configured, everybody who does not know it.
type guard struct {
	hosts []string
	token secret.Source
	log   zerolog.Logger
}

func newGuard(conf config.Admin, log zerolog.Logger) (*guard, error) {
	g := &guard{log: log}
	for _, host := range conf.AllowedHosts {
		g.hosts = append(g.hosts, strings.ToLower(host))
	}
	if conf.Token != "" {
		source, err := secret.Parse(conf.Token)
		if err != nil {
			return nil, err
		}
		g.token = source
	}
	return g, nil
}

// protect answers by next what may pass.
func (g *guard) protect(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if g.mayPass(w, r) {
			next(w, r)
		}
	}
}

// mayPass reports whether a request may see what is behind the guard; it has
// answered those that may not.
func (g *guard) mayPass(w http.ResponseWriter, r *http.Request) bool {
	if !g.knows(r.Host) || r.Header.Get("Origin") != "" {
		text(w, http.StatusForbidden, "this host name is not allowed here; add it to admin.allowed_hosts\n")
		return false
	}
	if g.token == nil {
		return true
	}
	want, err := g.token.Current()
	if err != nil {
		text(w, http.StatusServiceUnavailable, "admin.token cannot be read\n")
		return false
	}
	scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && want.Equal(secret.New(got)) {
		return true
	}
	// Nobody is locked out: whoever guesses could lock out others behind the same
	// address, and a token is too long to be guessed. Each guess costs a connection.
	g.log.Warn().Str("peer", r.RemoteAddr).Str("page", r.Pattern).Bool("token_sent", got != "").
		Msg("the admin listener was asked without the token")
	w.Header().Set("WWW-Authenticate", `Bearer realm="apim-edge admin"`)
	w.Header().Set("Connection", "close")
	text(w, http.StatusUnauthorized, "send the token of admin.token as Authorization: Bearer <token>\n")
	return false
}

// knows reports whether the Host field may be trusted: an address cannot be
// rebound, a name can.
func (g *guard) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	return name == "localhost" || net.ParseIP(name) != nil || slices.Contains(g.hosts, name)
}
