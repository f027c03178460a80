package relay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Down is one response body on its way from the upstream to the client.
type Down struct {
	From, To *wire.Conn
	Track    Tracker
	// Idle bounds the time without a byte from the upstream; 0: no bound.
	Idle time.Duration
	// Dechunk takes chunked framing off, for clients that speak HTTP/1.0.
	Dechunk bool
	// DropTrailer tells which trailer fields may not pass; nil: none may.
	DropTrailer func(name []byte) bool
	// Heartbeat sends an SSE comment when the stream has been silent for so
	// long, between events only; 0: never.
	Heartbeat time.Duration

	// Bytes is what the client was sent of the body, framing included.
	Bytes int64
	// Excess tells that the upstream has sent more than the body.
	Excess bool

	data []byte // of the chunks of one read, where Dechunk is on
}

// Run relays the body. out holds the response head, in what was read behind it;
// both are released. Head and first bytes go out in one write.
//
// An error is an *edgeerr.Error: UpstreamAborted, StreamIdle, ClientLeft or
// ClientStalled. The client then has an answer without its end, and its
// connection must be aborted.
func (d *Down) Run(out, in *wire.Buf) error {
	err := d.first(out, in)
	for err == nil && !d.Track.Done() {
		if in, err = d.fill(); err == nil {
			err = d.pass(in)
		}
		if errors.Is(err, io.EOF) && d.Track.AtEnd() {
			return nil
		}
	}
	if errors.Is(err, io.EOF) {
		return edgeerr.Wrap(edgeerr.UpstreamAborted, errEndsEarly)
	}
	return err
}

var errEndsEarly = errors.New("the connection ended before the body")

// first sends the head with the body bytes that came along.
func (d *Down) first(out, in *wire.Buf) error {
	if d.Dechunk || len(out.Free()) < in.Len() {
		err := d.write(out.Bytes())
		out.Release()
		if err != nil {
			in.Release()
			return err
		}
		return d.pass(in)
	}
	pass, err := d.Track.Scan(in.Bytes())
	out.Append(in.Bytes()[:pass])
	werr := d.write(out.Bytes())
	out.Release()
	if werr != nil {
		in.Release()
		return werr
	}
	d.Bytes += int64(pass)
	return d.rest(in, pass, err)
}

// fill reads what has come, within Idle, with heartbeats while nothing comes.
func (d *Down) fill() (*wire.Buf, error) {
	wait := d.Idle
	for silent := time.Duration(0); ; silent += d.Heartbeat {
		if d.Heartbeat > 0 && (wait == 0 || wait-silent > d.Heartbeat) {
			in, err := d.From.Fill(nil, d.Heartbeat)
			if !errors.Is(err, wire.ErrTimeout) {
				return in, d.upstreamError(err)
			}
			d.From.Calm()
			if err := d.beat(); err != nil {
				return nil, err
			}
			continue
		}
		in, err := d.From.Fill(nil, max(wait-silent, 0))
		return in, d.upstreamError(err)
	}
}

// beat sends an SSE comment as a chunk of its own, if no chunk and no event is
// under way.
func (d *Down) beat() error {
	if d.Dechunk || !d.Track.Between() || d.Track.events == nil || !d.Track.events.Between() {
		return nil
	}
	return d.write([]byte("3\r\n:\n\n\r\n"))
}

// pass sends what may be sent of in and releases it.
func (d *Down) pass(in *wire.Buf) error {
	if in.Len() == 0 {
		in.Release()
		return nil
	}
	if d.Dechunk {
		d.data = d.data[:0]
		d.Track.collect = &d.data
	}
	pass, err := d.Track.Scan(in.Bytes())
	send := in.Bytes()[:pass]
	if d.Dechunk {
		send = d.data
	}
	if werr := d.write(send); werr != nil {
		in.Release()
		return werr
	}
	d.Bytes += int64(len(send))
	return d.rest(in, pass, err)
}

// rest deals with what Scan has not passed on, and releases in.
func (d *Down) rest(in *wire.Buf, pass int, err error) error {
	defer in.Release()
	if err != nil {
		return edgeerr.Wrap(edgeerr.UpstreamAborted, err)
	}
	if d.Track.InTrailer() {
		return d.trailer(in.Bytes()[pass:])
	}
	d.Excess = pass < in.Len()
	return nil
}

// trailer relays the trailer section that begins in held.
func (d *Down) trailer(held []byte) error {
	section, excess, err := collectTrailer(held, d.DropTrailer, d.fill)
	if errors.Is(err, ErrTrailer) {
		return edgeerr.Wrap(edgeerr.UpstreamAborted, err)
	}
	if err != nil {
		return err
	}
	d.Track.EndTrailer()
	d.Excess = len(excess) > 0
	if d.Dechunk {
		return nil
	}
	d.Bytes += int64(len(section))
	return d.write(section)
}

func (d *Down) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	_, err := d.To.Write(p)
	return clientError(err)
}

func clientError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wire.ErrTimeout):
		return edgeerr.Wrap(edgeerr.ClientStalled, err)
	}
	return edgeerr.Wrap(edgeerr.ClientLeft, err)
}

// upstreamError leaves io.EOF as it is: what it means depends on the framing.
func (d *Down) upstreamError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, wire.ErrTimeout):
		return edgeerr.Wrap(edgeerr.StreamIdle, err)
	case errors.Is(err, wire.ErrCanceled):
		return edgeerr.Wrap(edgeerr.ClientLeft, err)
	}
	return edgeerr.Wrap(edgeerr.UpstreamAborted, fmt.Errorf("read the body: %w", err))
}
