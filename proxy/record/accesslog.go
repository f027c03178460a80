package record

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
)

// AccessLog writes one line for each exchange.
type AccessLog struct {
	out   io.Writer
	off   atomic.Bool
	lines []line // one for each loop: exchanges of one end one after the other
}

// NewAccessLog returns an access log that is on, for exchanges of so many loops. Each line
// is one write, which must not wait.
func NewAccessLog(out io.Writer, loops int) *AccessLog {
	return &AccessLog{out: out, lines: make([]line, loops)}
}

// Switch has lines written from now on, or not.
func (a *AccessLog) Switch(on bool) { a.off.Store(!on) }

// On reports whether lines are written.
func (a *AccessLog) On() bool { return !a.off.Load() }

// Observe implements Observer. The fields of the line are an allow-list.
func (a *AccessLog) Observe(r *Record) {
	l := &a.lines[r.Loop]
	l.begin()
	l.bytes(`,"request_id":`, r.ID)
	l.bytes(`,"method":`, r.Method)
	l.bytes(`,"path":`, r.Path)
	if r.Route != nil {
		l.text(`,"route":`, r.Route.Name)
		l.some(`,"upstream":`, r.Upstream)
	}
	l.number(`,"status":`, int64(r.Status))
	if r.Reason.Decided() {
		l.text(`,"reason":`, r.Reason.String())
	}
	l.caller(r)
	l.asked(r)
	l.number(`,"bytes":`, r.Down)
	l.number(`,"bytes_up":`, r.Up)
	l.milliseconds(`,"first_byte_ms":`, r.FirstByte)
	l.milliseconds(`,"duration_ms":`, r.Duration)
	l.flag(`,"stream":`, r.Stream)
	l.text(`,"client":`, r.Client.String())
	l.read(r)
	l.text(`,"cause":`, r.Cause())
	l.some(`,"cors_refused":`, r.CORSRefused)
	if r.Notes != 0 {
		l.text(`,"credential_notes":`, r.Notes.String())
	}
	if text := causeOf(r.Err); text != "" {
		l.bytes(`,"error":`, Fit([]byte(text), errorBytes))
	}
	_, _ = a.out.Write(l.end(r.Now))
}

// read adds what has been read of the answer.
func (l *line) read(r *Record) {
	if r.Stream {
		l.number(`,"events":`, r.Events)
	}
	if r.Tokens != nil {
		l.number(`,"tokens_in":`, r.Tokens.In())
		l.number(`,"tokens_out":`, r.Tokens.Out())
	}
}

// asked tells what was asked of upstreams, and what came of that.
func (l *line) asked(r *Record) {
	if r.UpstreamStatus != 0 {
		l.number(`,"upstream_status":`, int64(r.UpstreamStatus))
	}
	if r.Hint != hint.None {
		l.text(`,"hint":`, r.Hint.String())
	}
	if len(r.APIMRequestID) > 0 {
		l.bytes(`,"apim_request_id":`, r.APIMRequestID)
	}
	l.moved(r.Moved)
	l.some(`,"model":`, r.Model)
	l.some(`,"stray":`, r.Stray)
	if r.Retries > 0 {
		l.number(`,"retries":`, int64(r.Retries))
	}
}

// moved tells what was asked in vain before, as a list.
func (l *line) moved(attempts []Attempt) {
	if len(attempts) == 0 {
		return
	}
	l.key(`,"moved":`)
	for i, a := range attempts {
		l.made = append(l.made, "[,"[min(i, 1)])
		l.made = appendQuoted(l.made, a.String())
	}
	l.made = append(l.made, ']')
}

// caller adds who has called, and what of the edge has refused him.
func (l *line) caller(r *Record) {
	if r.Caller != "" {
		l.bytes(`,"caller":`, Fit([]byte(r.Caller), callerBytes))
	}
	l.some(`,"check":`, r.Check)
	l.some(`,"limit":`, r.Limit)
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
