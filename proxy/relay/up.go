package relay

import (
	"errors"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Up is one request body on its way from the client to the upstream.
type Up struct {
	From, To *wire.Conn
	Track    Tracker
	// Idle bounds the time without a byte from the client; 0: no bound.
	Idle time.Duration
	// Limit is the largest body in bytes, framing included; 0: no limit.
	Limit int64
	// DropTrailer tells which trailer fields may not pass.
	DropTrailer func(name []byte) bool

	// Bytes is what was taken from the client of the body, framing included.
	Bytes int64
}

// ErrUpstreamWrite wraps the failure to write to the upstream. It is no verdict:
// the upstream may have answered already and closed its reading side.
var ErrUpstreamWrite = errors.New("the upstream takes no more of the body")

// Take scans the first bytes of the body, which came behind the head, and
// returns those that may be sent along with the head.
func (u *Up) Take(p []byte) (pass int, err error) {
	pass, err = u.Track.Scan(p)
	u.Bytes += int64(pass)
	if err != nil {
		return 0, edgeerr.New(edgeerr.RequestMalformed, err.Error())
	}
	return pass, u.checkLimit()
}

func (u *Up) checkLimit() error {
	if u.Limit > 0 && u.Bytes > u.Limit {
		return edgeerr.New(edgeerr.BodyTooLarge, "")
	}
	return nil
}

// Run forwards the rest of the body until it is complete. in is what has been
// read and not been passed on, or nil; what comes behind the body is returned:
// it belongs to the next request.
func (u *Up) Run(in *wire.Buf) (next *wire.Buf, err error) {
	for {
		if in.Len() > 0 {
			if in, err = u.pass(in); err != nil || u.Track.Done() {
				return in, err
			}
		}
		in.Release()
		if in, err = u.From.Fill(nil, u.Idle); err != nil {
			return in, u.clientError(err)
		}
	}
}

// pass sends what may be sent of in; what it leaves in in is not of this body.
func (u *Up) pass(in *wire.Buf) (*wire.Buf, error) {
	pass, err := u.Take(in.Bytes())
	if err != nil {
		return in, err
	}
	if pass > 0 {
		if _, err := u.To.Write(in.Bytes()[:pass]); err != nil {
			return in, errors.Join(ErrUpstreamWrite, err)
		}
	}
	in.Consume(pass)
	if !u.Track.InTrailer() {
		return in, nil
	}
	section, excess, err := collectTrailer(in.Bytes(), u.DropTrailer, func() (*wire.Buf, error) {
		in, err := u.From.Fill(nil, u.Idle)
		return in, u.clientError(err)
	})
	if errors.Is(err, ErrTrailer) {
		return in, edgeerr.New(edgeerr.RequestMalformed, err.Error())
	}
	if err != nil {
		return in, err
	}
	u.Track.EndTrailer()
	if _, err := u.To.Write(section); err != nil {
		return in, errors.Join(ErrUpstreamWrite, err)
	}
	in.Release()
	return wire.Holding(excess), nil
}

func (u *Up) clientError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wire.ErrTimeout):
		return edgeerr.New(edgeerr.RequestTimeout, "no byte of the request body within timeouts.request_body_idle")
	case errors.Is(err, io.EOF):
		return edgeerr.Wrap(edgeerr.ClientLeft, errBodyEndsEarly)
	}
	return edgeerr.Wrap(edgeerr.ClientLeft, err)
}

var errBodyEndsEarly = errors.New("the client ended the request body early")
