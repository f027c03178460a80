package relay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// buffersPerTurn is how many buffers one body may move before the loop looks after the
// others.
const buffersPerTurn = 8

// Down is one response body on its way from the upstream to the client.
//
// It uses both connections and owns neither: what Go returns says how the exchange has
// to end them. What the caller sets is set before Start, and not changed behind it.
// Close comes last, however the body has ended.
type Down struct {
	From, To *wire.Conn
	// Track has begun before Start. It is ahead of To by what the backlog holds, or a
	// pipe: that it is Done does not say yet that the client has all.
	Track Tracker
	// Idle bounds the time without a byte from the upstream; 0: no bound.
	Idle time.Duration
	// DropTrailer tells which trailer fields may not pass; nil: all may.
	DropTrailer func(name []byte) bool
	// Heartbeat sends an SSE comment when the stream has been silent for so
	// long, between events only; 0: never.
	Heartbeat time.Duration
	// Sight is shown what comes behind the first bytes; nil: nobody looks. The body
	// passes all the same, and at once.
	Sight *hint.Sight

	// Dechunk takes chunked framing off, for clients that speak HTTP/1.0.
	Dechunk bool
	// Excess tells that the upstream has sent more than the body. Whose answer that is
	// nobody knows, so the connection must not serve another exchange.
	Excess bool

	// early tells that a comment stands before all that upstream has sent.
	early bool
	// told tells that the client has been sent the event that ends the stream. It is
	// asked only where there is no backlog, so the kernel has that event; and anew each
	// time, because another event may follow.
	told bool
	// alone tells that the client has been told and has left: nobody gets what else
	// there is to come, nothing is written to To any more, and Track counts no events.
	// Never taken back.
	alone bool
	reads uint8 // so far, up to ackLaterFrom

	// Bytes is what the client was sent of the body, framing included. It counts what
	// its connection has taken over, or a pipe: where the exchange is aborted, some of
	// it may not have gone out. Heartbeats do not count, so that 0 says that nothing of
	// the upstream's has been sent; early goes by that.
	Bytes int64

	splicer
	trailer *trailer      // as far as it has come; in use while Track is InTrailer
	silent  time.Duration // how long nothing has come, in whole heartbeats; 0 without
	after   int64         // bytes that have come since; see endBytes
}

// What the upstream still has to say behind the event that ends a stream, when the
// client has left, is awaited so long, and so much of it: the end of the message
// follows at once (50 ms later at 10 of 10 clients that were watched), and the
// connection can carry another exchange.
const (
	endTime  = time.Second
	endBytes = 64 << 10
)

// ackLaterFrom is the read of a stream from which on acknowledgements may wait.
// Not from the first: an upstream that has Nagle's algorithm on waits for the
// acknowledgement of its head before it sends the first event.
const ackLaterFrom = 8

// Start sends the response head in out with the first bytes of the body in in,
// in one write. Both are released. Two writes it takes where the first bytes do not go
// out as they came, or are many more than fit behind the head.
func (d *Down) Start(out, in *wire.Buf) error {
	if d.Dechunk {
		if _, err := d.To.Send(out); err != nil {
			in.Release()
			return clientError(err) // no event is told yet, so nobody leaves in order
		}
		return d.pass(in)
	}
	pass, err := d.Track.Scan(in.Bytes())
	g := d.To.Gather(out)
	g.Add(in.Bytes()[:pass])
	d.Bytes += int64(pass)
	if _, werr := g.Send(); werr != nil {
		in.Release()
		return clientError(werr)
	}
	return d.rest(in, pass, err)
}

// Go relays what is there. The client is asked first, and the upstream is read only
// where it has taken all: whoever reads on for a client that does not read keeps the
// body here. So little more than one read is held at a time, in the backlog of To or in
// the pipe, and it is TCP's window that slows a fast upstream down.
//
// nil: the body is complete and sent; wire.ErrWait: call again when a connection wakes;
// else an *edgeerr.Error (UpstreamAborted, StreamIdle, ClientLeft or ClientStalled): the
// client has an answer without its end, and its connection must be aborted.
func (d *Down) Go() error {
	for turn := 0; ; turn++ {
		switch {
		case d.alone:
			return d.awaitEnd()
		case d.To.Stalled(): // in front of Failed, which says less
			return Stalled(d.To)
		case d.To.Failed() != nil:
			if err := d.lost(d.To.Failed()); err != nil {
				return err
			}
			continue
		case d.To.Backlog() > 0: // in front of Done: what has not gone out can still be cut
			return d.awaitClient()
		}
		d.told = d.Track.events != nil && d.Track.events.Final
		switch {
		case d.Track.Done() && !d.stuck():
			d.From.ExpireAfter(0)
			return nil
		case turn == buffersPerTurn:
			// What is still there has been told of already, and is told of once.
			d.From.Loop().Again(d.From)
			return wire.ErrWait
		}
		if d.Sight == nil && d.serves(&d.Track, d.From, d.To) {
			if err := d.spliceTurn(); err != nil {
				return err
			}
			continue
		}
		in, err := d.From.Read(nil) // nil: who waits holds no buffer
		if err != nil {
			return d.noBytes(err)
		}
		d.few = len(in.Free()) > 0
		d.From.ExpireAfter(0) // begins anew where it is waited again
		d.silent = 0
		if d.reads < ackLaterFrom {
			if d.reads++; d.reads == ackLaterFrom && d.Track.events != nil {
				d.From.AckLater()
			}
		}
		if d.Sight != nil {
			d.Sight.Look(in.Bytes())
		}
		if err := d.pass(in); err != nil {
			return err
		}
	}
}

// Leave takes note that the client has left. It reports whether that is in order:
// clients of OpenAI's APIs leave at the event that ends a stream, and not at the end
// of the message, which is nothing to them.
func (d *Down) Leave() bool {
	if d.told && !d.alone {
		d.alone = true
		d.Track.events = nil // what nobody gets is no event
		d.From.ExpireAfter(0)
	}
	return d.alone
}

// Left reports whether the client has left in order.
func (d *Down) Left() bool { return d.alone }

// lost returns what it means that nothing can be sent to the client any more: nil
// where it has left in order.
func (d *Down) lost(err error) error {
	if err == nil || d.Leave() {
		return nil
	}
	return edgeerr.Wrap(edgeerr.ClientLeft, err)
}

// awaitEnd reads on to the end of the message, for nobody. nil: it has come, or is
// not worth more waiting; Track knows which. A body that the end of the connection
// delimits leaves no connection to wait for.
func (d *Down) awaitEnd() error {
	for !d.Track.Done() && !d.Track.AtEnd() && d.after < endBytes {
		in, err := d.From.Read(nil)
		switch {
		case wire.Waits(err) && !d.From.Expired():
			if !d.From.Armed() {
				d.From.ExpireAfter(endTime)
			}
			return wire.ErrWait
		case err != nil:
			return nil
		}
		d.after += int64(in.Len())
		pass, err := d.Track.Scan(in.Bytes())
		if d.rest(in, pass, err) != nil {
			return nil
		}
	}
	d.From.ExpireAfter(0)
	return nil
}

// awaitClient waits for room, and not for the upstream: while it lasts nothing is read
// there, so that no more than one read is held here, and silence there is no fault.
func (d *Down) awaitClient() error {
	d.From.ExpireAfter(0)
	return wire.ErrWait
}

func (d *Down) spliceTurn() error {
	n, err := d.turn(&d.Track, d.From, d.To)
	d.Bytes += n
	switch {
	case err == nil:
		d.From.ExpireAfter(0)
		return nil
	case d.To.Failed() != nil:
		return clientError(d.To.Failed()) // no events go this way, so nobody leaves in order
	case d.stuck():
		return d.awaitClient()
	}
	return d.noBytes(err)
}

// Stalled says why a client is ended that does not read.
func Stalled(c *wire.Conn) error {
	if c.Slow() {
		return edgeerr.Wrap(edgeerr.ClientStalled, errSlow)
	}
	return edgeerr.Wrap(edgeerr.ClientStalled, errStalled)
}

var (
	errStalled   = errors.New("no byte taken, or no packet acknowledged, within timeouts.client_write_stall")
	errSlow      = errors.New("fewer bytes taken than limits.slowest asks for")
	errEndsEarly = errors.New("the connection ended before the body")
	errIdle      = errors.New("no byte within stream_idle")
)

// noBytes says what it means that nothing was read. An end that TLS has not announced
// (wire.ErrCut) is none, not even of a body that ends with its connection.
func (d *Down) noBytes(err error) error {
	switch {
	case wire.Waits(err):
		return d.wait()
	case errors.Is(err, io.EOF) && d.Track.AtEnd():
		return nil
	case errors.Is(err, io.EOF):
		return edgeerr.Wrap(edgeerr.UpstreamAborted, errEndsEarly)
	}
	return edgeerr.Wrap(edgeerr.UpstreamAborted, fmt.Errorf("read the body: %w", err))
}

// wait bounds the wait for the upstream, and sends heartbeats while it lasts. A bound
// that is neither armed nor expired has been taken away by the last byte, or by a wait
// for the client: the silence begins. Where there are heartbeats the bound is theirs,
// and Idle is counted in them: silence then ends up to one heartbeat late.
func (d *Down) wait() error {
	if d.From.Armed() {
		return wire.ErrWait // something else has woken us: the silence goes on
	}
	if d.From.Expired() {
		if d.Heartbeat == 0 {
			return edgeerr.Wrap(edgeerr.StreamIdle, errIdle)
		}
		if d.silent += d.Heartbeat; d.Idle > 0 && d.silent >= d.Idle {
			return edgeerr.Wrap(edgeerr.StreamIdle, errIdle)
		}
		if err := d.beat(); err != nil {
			return err
		}
	}
	if d.Heartbeat > 0 {
		d.From.ExpireAfter(d.Heartbeat)
	} else {
		d.From.ExpireAfter(d.Idle)
	}
	return wire.ErrWait
}

// pass sends what may be sent of in, and releases it. Behind the line of the last chunk
// nothing goes past the trailer.
func (d *Down) pass(in *wire.Buf) error {
	if in.Len() == 0 {
		in.Release()
		return nil
	}
	if d.early {
		d.early = false
		if size := markedChunk(in.Bytes()); size > 0 {
			return d.passUnmarked(in, size)
		}
	}
	if d.Track.InTrailer() {
		return d.rest(in, 0, nil)
	}
	if d.Dechunk {
		if d.Track.collect == nil {
			d.Track.collect = new([]byte)
		}
		*d.Track.collect = (*d.Track.collect)[:0]
	}
	pass, err := d.Track.Scan(in.Bytes())
	if err == nil && pass == in.Len() && !d.Dechunk {
		d.Bytes += int64(pass)
		_, err := d.To.Send(in) // the whole, which To releases
		return d.lost(err)
	}
	// From here on in is not handed on: what Scan has not passed is still to be looked
	// at. Where err is set nothing may pass, and pass is 0.
	send := in.Bytes()[:pass]
	if d.Dechunk {
		send = *d.Track.collect
	}
	if len(send) > 0 {
		_, werr := d.To.Write(send)
		if werr = d.lost(werr); werr != nil {
			in.Release()
			return werr
		}
	}
	if !d.alone {
		d.Bytes += int64(len(send))
	}
	return d.rest(in, pass, err)
}

// rest deals with what Scan has not passed on, and releases in. Behind a body that is
// done it is excess; in a trailer it is held, as a copy, until the section is whole.
func (d *Down) rest(in *wire.Buf, pass int, err error) error {
	defer in.Release()
	if err != nil {
		return edgeerr.Wrap(edgeerr.UpstreamAborted, err)
	}
	if !d.Track.InTrailer() {
		d.Excess = d.Excess || pass < in.Len()
		return nil
	}
	d.trailer = d.trailer.begun()
	section, excess, err := d.trailer.collect(in.Bytes()[pass:], d.DropTrailer)
	if wire.Waits(err) {
		return nil
	}
	if err != nil {
		return edgeerr.Wrap(edgeerr.UpstreamAborted, err)
	}
	d.Track.EndTrailer()
	d.Excess = excess > 0
	if d.Dechunk || d.alone {
		return nil
	}
	d.Bytes += int64(len(section))
	_, err = d.To.Write(section)
	return d.lost(err)
}

func clientError(err error) error {
	if err == nil {
		return nil
	}
	return edgeerr.Wrap(edgeerr.ClientLeft, err)
}
