package record

import (
	"errors"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
)

// AccessLog writes one line for each exchange.
type AccessLog struct {
	log zerolog.Logger
	off atomic.Bool
}

// NewAccessLog returns an access log that is on.
func NewAccessLog(log zerolog.Logger) *AccessLog { return &AccessLog{log: log} }

// Switch has lines written from now on, or not.
func (a *AccessLog) Switch(on bool) { a.off.Store(!on) }

// Observe implements Observer. The fields of the line are an allow-list.
func (a *AccessLog) Observe(r *Record) {
	if a.off.Load() {
		return
	}
	line := a.log.Info()
	if line == nil {
		return
	}
	line.Bytes("request_id", r.ID).Bytes("method", r.Method).Bytes("path", r.Path)
	if r.Route != nil {
		line.Str("route", r.Route.Name)
		if r.Upstream != "" {
			line.Str("upstream", r.Upstream)
		}
	}
	line.Int("status", r.Status)
	if r.Reason.Decided() {
		line.Str("reason", r.Reason.String())
	}
	addCaller(line, r)
	asked(line, r)
	line.Int64("bytes", r.Down).Int64("bytes_up", r.Up).
		Dur("first_byte_ms", r.FirstByte).Dur("duration_ms", r.Duration).
		Bool("stream", r.Stream).Str("client", r.Client.String())
	r.addRead(line)
	line.Str("cause", r.Cause())
	if r.CORSRefused != "" {
		line.Str("cors_refused", r.CORSRefused)
	}
	if r.Notes != 0 {
		line.Str("credential_notes", r.Notes.String())
	}
	if text := causeOf(r.Err); text != "" {
		line.Bytes("error", Fit([]byte(text), errorBytes))
	}
	line.Msg("exchange")
}

// addRead adds what has been read of the answer.
func (r *Record) addRead(line *zerolog.Event) {
	if r.Stream {
		line.Int64("events", r.Events)
	}
	if r.Tokens != nil {
		line.Int64("tokens_in", r.Tokens.In()).Int64("tokens_out", r.Tokens.Out())
	}
}

// asked tells what was asked of upstreams, and what came of that.
func asked(line *zerolog.Event, r *Record) {
	if r.UpstreamStatus != 0 {
		line.Int("upstream_status", r.UpstreamStatus)
	}
	if r.Hint != hint.None {
		line.Str("hint", r.Hint.String())
	}
	if len(r.APIMRequestID) > 0 {
		line.Bytes("apim_request_id", r.APIMRequestID)
	}
	if len(r.Moved) > 0 {
		moved := zerolog.Arr()
		for _, a := range r.Moved {
			moved.Str(a.String())
		}
		line.Array("moved", moved)
	}
	if r.Model != "" {
		line.Str("model", r.Model)
	}
	if r.Stray != "" {
		line.Str("stray", r.Stray)
	}
	if r.Retries > 0 {
		line.Int("retries", r.Retries)
	}
}

// addCaller adds who has called, and what of the edge has refused him.
func addCaller(line *zerolog.Event, r *Record) {
	if r.Caller != "" {
		line.Bytes("caller", Fit([]byte(r.Caller), callerBytes))
	}
	if r.Check != "" {
		line.Str("check", r.Check)
	}
	if r.Limit != "" {
		line.Str("limit", r.Limit)
	}
}

// causeOf returns what the log says of an error. It can hold what an upstream has
// said, such as the names in its certificate.
func causeOf(err error) string {
	if err == nil {
		return "" // most exchanges have none; looking into one allocates
	}
	var e *edgeerr.Error
	switch {
	case !errors.As(err, &e):
		return ""
	case e.Err != nil:
		return e.Err.Error()
	}
	return e.Message
}
