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
// rebinding), pages of other origins, and, where a token is configured, everybody who
// neither sends it nor has logged in with it.
type guard struct {
	hosts    []string
	token    secret.Source
	sessions *sessions
	log      zerolog.Logger
}

func newGuard(conf config.Admin, log zerolog.Logger) (*guard, error) {
	g := &guard{log: log, sessions: newSessions()}
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
		if g.comesFromHere(w, r) && g.mayPass(w, r) {
			next(w, r)
		}
	}
}

// comesFromHere reports whether a request is that of a program, or of a browser that
// shows a page of this listener or has been led here; it has answered the others. A
// browser says so in Origin and Sec-Fetch-Site, which no page can forge.
func (g *guard) comesFromHere(w http.ResponseWriter, r *http.Request) bool {
	if !g.knows(r.Host) {
		text(w, http.StatusForbidden, "this host name is not allowed here; add it to admin.allowed_hosts\n")
		return false
	}
	site := r.Header.Get("Sec-Fetch-Site")
	led := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	if !ownOrigin(r) || site != "" && site != "same-origin" && site != "none" && !led {
		text(w, http.StatusForbidden, "a page of another origin may not ask here\n")
		return false
	}
	return true
}

// ownOrigin reports whether the page that asks, if one does, is of this listener. Whether
// TLS ends in front of it is not known here, so that the scheme is not looked at.
func ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	_, host, ok := strings.Cut(origin, "://")
	return origin == "" || ok && host == r.Host
}

// mayPass reports whether a request may see what is behind the guard; it has
// answered those that may not.
func (g *guard) mayPass(w http.ResponseWriter, r *http.Request) bool {
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
	if g.sessions.holds(sessionOf(r), want) {
		return true
	}
	if r.Method == http.MethodGet && got == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
		seeOther(w, "login")
		return false
	}
	g.refuse(w, r, got != "")
	return false
}

// refuse answers who does not know the token. Nobody is locked out: whoever guesses could
// lock out others behind the same address, and a token is too long to be guessed. Each
// guess costs a connection.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, sent bool) {
	g.wrongToken(r, sent)
	w.Header().Set("WWW-Authenticate", `Bearer realm="apim-edge admin"`)
	w.Header().Set("Connection", "close")
	text(w, http.StatusUnauthorized, "send the token of admin.token as Authorization: Bearer <token>\n")
}

func (g *guard) wrongToken(r *http.Request, sent bool) {
	g.log.Warn().Str("peer", r.RemoteAddr).Str("page", r.Pattern).Bool("token_sent", sent).
		Msg("the admin listener was asked without the token")
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
