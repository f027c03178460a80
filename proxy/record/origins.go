package record

import (
	"bytes"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/rewrite"
)

// RefusedOrigins tells the operator which pages were refused, and which line would
// allow them, a few times a minute.
type RefusedOrigins struct{ log zerolog.Logger }

// NewRefusedOrigins returns an observer that writes to log.
func NewRefusedOrigins(log zerolog.Logger) *RefusedOrigins {
	return &RefusedOrigins{log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Minute})}
}

// Observe implements Observer.
func (o *RefusedOrigins) Observe(r *Record) {
	if r.CORSRefused != corsOrigin {
		return
	}
	origin := r.Origin
	if !IsOrigin(origin) {
		origin = []byte("(not an origin)") // it could hold a secret, which no browser sends
	}
	o.log.Warn().Str("route", r.Route.Name).Bytes("origin", Fit(origin, originBytes)).
		Str("to_allow_it", "add the origin to routes."+r.Route.Name+".cors.allowed_origins").
		Msg("a page of an origin that is not allowed was refused")
}

// IsOrigin reports whether a value is shaped as browsers write an origin, without
// userinfo, path, query or anything else that could be a secret.
func IsOrigin(v []byte) bool {
	_, host, ok := bytes.Cut(v, []byte("://"))
	return ok && !bytes.ContainsAny(host, "@/?#%") && !rewrite.HoldsSecret(v) || string(v) == "null"
}
