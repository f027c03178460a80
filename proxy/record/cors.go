package record

import (
	"bytes"
	"regexp"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/rewrite"
)

// What CORS can refuse, as Record.CORSRefused has it.
const (
	corsOrigin = "origin"
	corsMethod = "method"
	corsHeader = "header"
)

// RefusedPages tells the operator which pages were refused, for what, and which
// line would allow it, a few times a minute.
type RefusedPages struct{ origins, methods, headers zerolog.Logger }

// NewRefusedPages returns an observer that writes to log. Who asks for the one
// often does not hide that somebody asks for the other.
func NewRefusedPages(log zerolog.Logger) *RefusedPages {
	return &RefusedPages{few(log), few(log), few(log)}
}

// few returns a logger that writes a few lines a minute.
func few(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Minute})
}

// Observe implements Observer.
func (p *RefusedPages) Observe(r *Record) {
	switch r.CORSRefused {
	case corsOrigin:
		p.tell(&p.origins, r).Str("to_allow_it", "add the origin to "+r.key("allowed_origins")).
			Msg("a page of an origin that is not allowed was refused")
	case corsMethod:
		p.tell(&p.methods, r).Str("asked", named(r.CORSAsked)).
			Str("to_allow_it", "add the method to "+r.key("allowed_methods")).
			Msg("a page asked for a method that is not allowed")
	case corsHeader:
		p.tell(&p.headers, r).Str("asked", named(r.CORSAsked)).
			Str("to_allow_it", "add the names to "+r.key("allowed_headers")).
			Msg("a page asked for a request field that is not allowed")
	}
}

func (p *RefusedPages) tell(log *zerolog.Logger, r *Record) *zerolog.Event {
	origin := r.Origin
	if !IsOrigin(origin) {
		origin = []byte("(not an origin)") // it could hold a secret, which no browser sends
	}
	return log.Warn().Str("route", r.Route.Name).Bytes("origin", Fit(origin, originBytes))
}

// IsOrigin reports whether a value is shaped as browsers write an origin, without
// userinfo, path, query or anything else that could be a secret.
func IsOrigin(v []byte) bool {
	_, host, ok := bytes.Cut(v, []byte("://"))
	return ok && !bytes.ContainsAny(host, "@/?#%") && !rewrite.HoldsSecret(v) || string(v) == "null"
}

// named returns the list with what is no name that a program would have as ***:
// who asks can write anything in their place, and could be mistaken about it.
func named(list []byte) string {
	names := strings.Split(string(list), ",")
	for i, name := range names {
		if !nameShape.MatchString(name) {
			names[i] = "***"
		}
	}
	return strings.Join(names, ",")
}

// nameShape is one or more parts, each short, or of letters with a number behind.
var nameShape = regexp.MustCompile(`^(?i:[a-z0-9]{1,4}|[a-z]{1,24}[0-9]{0,4})([-_](?i:[a-z0-9]{1,4}|[a-z]{1,24}[0-9]{0,4})){0,7}$`)

// key returns the configuration's name of a list of the route's policy.
func (r *Record) key(list string) string { return "routes." + r.Route.Name + ".cors." + list }
