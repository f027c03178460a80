package record

import (
	"time"

	"github.com/rs/zerolog"
)

// OldAnswers warns of upstreams that are dialed by an old answer of DNS, a few times a
// minute for each: nothing fails, so that no access line tells of it.
type OldAnswers struct{ perUpstream }

// NewOldAnswers returns one that writes to log.
func NewOldAnswers(log zerolog.Logger) *OldAnswers { return &OldAnswers{perUpstream{log: log}} }

// Tell tells of one dial: how old the answer is, and why there is no new one.
func (o *OldAnswers) Tell(upstream string, age time.Duration, why error) {
	o.of(upstream).Warn().Str("upstream", upstream).Int64("age_s", int64(age.Seconds())).
		Bytes("error", Fit([]byte(why.Error()), errorBytes)).Str("to_do", "check DNS as it is seen from here; after a day the old answer is not used any more").
		Msg("the name of an upstream cannot be looked up; it is dialed where it was")
}
