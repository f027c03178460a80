package record

import (
	"sync"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Unreachable warns of upstreams that cannot be reached, a few times a minute for
// each: the access line says it as well, but is not written at the level warn.
type Unreachable struct{ perUpstream }

// NewUnreachable returns an observer that writes to log.
func NewUnreachable(log zerolog.Logger) *Unreachable { return &Unreachable{perUpstream{log: log}} }

// Observe implements Observer.
func (u *Unreachable) Observe(r *Record) {
	for i := range r.Moved {
		u.tell(r.Moved[i].Upstream, r.Moved[i].Code, r.Moved[i].Err)
	}
	u.tell(r.Upstream, r.Code, r.Err)
}

func (u *Unreachable) tell(upstream string, code edgeerr.Code, err error) {
	switch code {
	case edgeerr.UpstreamUnresolved, edgeerr.UpstreamConnectFailed, edgeerr.UpstreamTLSFailed, edgeerr.UpstreamConnectTimeout:
		u.of(upstream).Warn().Str("upstream", upstream).Str("cause", code.String()).
			Bytes("error", Fit([]byte(causeOf(err)), errorBytes)).Str("to_do", code.Advice()).
			Msg("an upstream cannot be reached")
	}
}

// perUpstream is a logger that writes a few lines a minute for each upstream.
type perUpstream struct {
	log zerolog.Logger
	few sync.Map // of *zerolog.Logger, by the upstream's name
}

func (p *perUpstream) of(upstream string) *zerolog.Logger {
	if l, ok := p.few.Load(upstream); ok {
		return l.(*zerolog.Logger)
	}
	log := few(p.log)
	l, _ := p.few.LoadOrStore(upstream, &log)
	return l.(*zerolog.Logger)
}
