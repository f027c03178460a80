package proxy

import (
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

// record counts the exchange and writes its one access line. The fields are an
// allow-list: none holds the value of a field, of a query key or of a body, and
// what comes from outside is bounded (notes.go).
func (x *Exchange) record(code edgeerr.Code, err error) {
	x.recordAfter(x.client.Loop().Now()-x.start, code, err)
}

func (x *Exchange) recordAfter(took time.Duration, code edgeerr.Code, err error) {
	x.count(code, took)
	if x.notesSeen != 0 {
		x.countNotes(x.notesSeen)
	}
	snap := x.snap
	if snap == nil { // it ended before its route was known
		snap = x.edge.snapshot.Load()
	}
	if !snap.config.Log.Access {
		return
	}
	line := x.edge.access.Info()
	if line == nil {
		return
	}
	n := &x.notes
	line.Bytes("request_id", n.id).Bytes("method", n.method).Bytes("path", n.path)
	if x.route != nil {
		line.Str("route", x.route.name).Str("upstream", x.route.up.Name)
	}
	line.Int("status", x.status)
	if x.decided {
		line.Str("reason", x.reason.String())
	}
	if x.upstreamStatus != 0 {
		line.Int("upstream_status", x.upstreamStatus)
	}
	if len(n.apim) > 0 {
		line.Bytes("apim_request_id", n.apim)
	}
	line.Int64("bytes", x.down.Bytes).Int64("bytes_up", x.bytesUp).
		Dur("first_byte_ms", x.firstByte).Dur("duration_ms", took).
		Bool("stream", x.stream).Str("client", n.family.String())
	if x.stream {
		line.Int64("events", x.events.Count)
	}
	x.recordCause(line, code, err)
	line.Msg("exchange")
}

// recordCause says how the exchange ended.
func (x *Exchange) recordCause(line *zerolog.Event, code edgeerr.Code, err error) {
	switch {
	case code != edgeerr.None:
		line.Str("cause", code.String())
	case x.streamIncomplete():
		line.Str("cause", "stream_incomplete")
	case x.preflight:
		line.Str("cause", "preflight")
	default:
		line.Str("cause", "complete")
	}
	if x.refusal != "" {
		line.Str("cors_refused", x.refusal)
	}
	if x.notesSeen != 0 {
		line.Str("credential_notes", x.notesSeen.String())
	}
	var e *edgeerr.Error
	switch {
	case !errors.As(err, &e):
	case e.Err != nil: // it can hold what an upstream has said, such as the names in its certificate
		line.Bytes("error", forLog([]byte(e.Err.Error()), errorBytes))
	case e.Message != "":
		line.Bytes("error", forLog([]byte(e.Message), errorBytes))
	}
}

// codeOf returns the error for a reason that refuses the request.
func codeOf(r rewrite.Reason) edgeerr.Code {
	switch r {
	case rewrite.ReasonMalformed:
		return edgeerr.MalformedCredential
	case rewrite.ReasonMissing:
		return edgeerr.CredentialMissing
	}
	return edgeerr.AmbiguousCredential
}
