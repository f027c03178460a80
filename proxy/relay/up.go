package relay

import (
	"errors"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Up is one request body on its way from the client to the upstream.
//
// Take may be called before it is known to whom the body goes: From and To are set
// before the first Go, and stay. As with Down, both are the exchange's to end. Close
// comes last.
type Up struct {
	From, To *wire.Conn
	// Track has begun, and is Strict. It is ahead of To by what the backlog holds, or a
	// pipe: see Unsent.
	Track Tracker
	// Idle bounds the time without a byte from the client; 0: no bound.
	Idle time.Duration
	// Slowest bounds how slowly they may come while the upstream takes them.
	Slowest wire.Pace
	// Limit is the largest body in bytes, framing included; 0: no limit. Of the read
	// that goes beyond it nothing is sent, so To never gets more.
	Limit int64
	// DropTrailer tells which trailer fields may not pass.
	DropTrailer func(name []byte) bool

	// Bytes is what was taken from the client of the body, framing included: sent, or
	// waiting to be. A trailer section is left out, with the line of the last chunk in
	// front of it: maxTrailer bounds both.
	Bytes int64

	// Hold is how large a body may be so that what goes up from now on is kept in Copy,
	// because it may have to be sent again; 0: nothing is kept, or not any more.
	Hold int64
	Copy *wire.Buf

	splicer
	trailer *trailer // as far as it has come; in use while Track is InTrailer
	// paced tells that the client is held to Slowest: only while it is waited for. Of a
	// client that is not read the pace is that of the upstream.
	paced bool
}

// ErrUpstreamWrite is the failure to write to the upstream. It is no verdict: the
// upstream may have answered already and closed its reading side.
var ErrUpstreamWrite = errors.New("the upstream takes no more of the body")

// Take scans the next bytes of the body, at first those that came behind the head, and
// returns how many of them may be sent. It counts them as taken: the caller sends
// them, or keeps them until it can. No byte is to be given to it twice. Behind an error
// it must not be called again: where the framing is wrong, or a limit passed, nobody
// knows where the next request begins.
func (u *Up) Take(p []byte) (pass int, err error) {
	pass, err = u.Track.Scan(p)
	u.Bytes += int64(pass)
	switch {
	case err != nil:
		return 0, edgeerr.New(edgeerr.RequestMalformed, err.Error())
	case u.Limit > 0 && u.Bytes > u.Limit:
		return 0, edgeerr.New(edgeerr.BodyTooLarge, "")
	}
	return pass, nil
}

// Go forwards what is there, from *in first: what has been read and not been
// passed on. *in stays the caller's, and is nil where nothing is left in it. nil: the
// body is complete, and *in is what came behind it; the upstream may not have taken
// all of it yet, for which its answer does not wait;
// wire.ErrWait: call again when a connection wakes; ErrUpstreamWrite; else an
// *edgeerr.Error (RequestTimeout, RequestMalformed, BodyTooLarge, ClientLeft).
func (u *Up) Go(in **wire.Buf) error {
	for turn := 0; ; turn++ {
		if (*in).Len() > 0 {
			if err := u.pass(in); err != nil {
				return err
			}
		}
		switch {
		case u.To.Failed() != nil || u.To.Stalled(): // in front of Done: what is left cannot go out
			return ErrUpstreamWrite
		case u.Track.Done() && !u.stuck():
			u.From.ExpireAfter(0)
			u.rest()
			return nil
		case u.To.Backlog() > 0:
			return u.awaitUpstream()
		case turn == buffersPerTurn:
			u.From.Loop().Again(u.From)
			return wire.ErrWait
		}
		switch {
		case (*in).Len() > 0:
		case u.Hold > 0 && !u.Track.InTrailer():
			if err := u.passHeld(in); err != nil {
				return err
			}
			continue
		case u.serves(&u.Track, u.From, u.To):
			if err := u.spliceTurn(); err != nil {
				return err
			}
			continue
		}
		var err error
		// There is room in *in: it is nil, or empty.
		if *in, err = u.From.Read(*in); err != nil {
			return u.noBytes(err)
		}
		u.few = len((*in).Free()) > 0
		u.From.ExpireAfter(0)
	}
}

// Read reads more of the body behind what is in *in, where there is room, and passes
// nothing on. nil, or an error as that of Go. Who stops in the middle of it calls Pause.
func (u *Up) Read(in **wire.Buf) (err error) {
	if *in, err = u.From.Read(*in); err != nil {
		return u.noBytes(err)
	}
	u.From.ExpireAfter(0)
	return nil
}

// Pause has the client not be waited for.
func (u *Up) Pause() {
	u.From.ExpireAfter(0)
	u.rest()
}

// awaitUpstream waits for room, and not for the client: nothing is read of it
// meanwhile, so that its silence, and its pace, are no fault of its own.
func (u *Up) awaitUpstream() error {
	u.Pause()
	return wire.ErrWait
}

// rest holds the client to no pace while it is not waited for.
func (u *Up) rest() {
	if u.paced {
		u.paced = false
		u.From.AtLeast(wire.Pace{})
	}
}

// AnyPace lets the client take its time from now on, and pause for as long as it
// likes: it has its answer, whose own bounds end the exchange.
func (u *Up) AnyPace() {
	u.Idle, u.Slowest = 0, wire.Pace{}
	u.From.ExpireAfter(0)
	u.rest()
}

// Unsent reports whether bytes of the body wait for the upstream to take them.
func (u *Up) Unsent() bool { return u.To != nil && (u.To.Backlog() > 0 || u.stuck()) }

// Detach leaves the client alone until there is another upstream: To is to be set before
// the next Go.
func (u *Up) Detach() {
	if u.To != nil {
		u.To = nil
		u.Pause()
	}
}

func (u *Up) spliceTurn() error {
	n, err := u.turn(&u.Track, u.From, u.To)
	u.Bytes += n
	switch {
	case err == nil:
		u.From.ExpireAfter(0)
		return nil
	case u.To.Failed() != nil:
		return ErrUpstreamWrite
	case u.stuck():
		return u.awaitUpstream()
	}
	return u.noBytes(err)
}

// noBytes says what it means that nothing was read. Only here is the client waited for,
// so only here its bounds begin: Idle ends with the next byte, Slowest in rest.
func (u *Up) noBytes(err error) error {
	switch {
	case wire.Waits(err):
		if u.From.Expired() {
			return edgeerr.New(edgeerr.RequestTimeout, "no byte of the request body within timeouts.request_body_idle")
		}
		if u.paced && u.From.Slow() && !u.From.Stalled() { // stalled: it is what it takes that is slow
			return edgeerr.New(edgeerr.RequestTimeout, "the request body came slower than limits.slowest")
		}
		if u.Slowest.Least > 0 && !u.paced {
			u.paced = true
			u.From.AtLeast(u.Slowest)
		}
		if !u.From.Armed() {
			u.From.ExpireAfter(u.Idle)
		}
		return wire.ErrWait
	case errors.Is(err, io.EOF):
		return edgeerr.Wrap(edgeerr.ClientLeft, errBodyEndsEarly)
	}
	return edgeerr.Wrap(edgeerr.ClientLeft, err)
}

var errBodyEndsEarly = errors.New("the client ended the request body early")

// pass sends what may be sent of in; what it leaves is not of this body, or
// there is nothing left.
func (u *Up) pass(in **wire.Buf) error {
	if !u.Track.InTrailer() {
		pass, err := u.Take((*in).Bytes())
		if err != nil {
			return err
		}
		if pass > 0 {
			if err := u.send((*in).Bytes()[:pass]); err != nil {
				return err
			}
			u.keep((*in).Bytes()[:pass])
		}
		(*in).Consume(pass)
	}
	if !u.Track.InTrailer() {
		release(in)
		return nil
	}
	u.trailer = u.trailer.begun()
	section, excess, err := u.trailer.collect((*in).Bytes(), u.DropTrailer)
	if wire.Waits(err) {
		(*in).Consume((*in).Len()) // trailer has a copy
		release(in)
		return nil
	}
	if err != nil {
		return edgeerr.New(edgeerr.RequestMalformed, err.Error())
	}
	u.Track.EndTrailer()
	(*in).Consume((*in).Len() - excess)
	release(in)
	if err := u.send(section); err != nil {
		return err
	}
	u.keep(section)
	return nil
}

// passHeld reads into Copy, and sends from there what may be sent. What is left has a place
// in *in.
func (u *Up) passHeld(in **wire.Buf) error {
	before := u.Copy.Len()
	if u.Copy != nil {
		u.Copy.MakeRoom(int(u.Hold) + 1) // there is less in it than may be kept
	}
	if err := u.Read(&u.Copy); err != nil {
		return err
	}
	came := u.Copy.Bytes()[before:]
	pass, err := u.Take(came)
	if rest := came[pass:]; len(rest) > 0 && err == nil {
		if *in == nil {
			*in = u.From.Loop().GetBuf()
		}
		(*in).Add(rest)
	}
	u.Copy.Cut(before + pass)
	if err == nil && pass > 0 {
		err = u.send(came[:pass])
	}
	if u.Bytes > u.Hold {
		u.Forget()
	}
	release(&u.Copy)
	return err
}

// send sends what the caller keeps. Not Send: what stands behind the body is the client's
// next request, and stays where it is.
func (u *Up) send(p []byte) error {
	if _, err := u.To.Write(p); err != nil {
		return ErrUpstreamWrite
	}
	return nil
}

func (u *Up) keep(p []byte) {
	switch {
	case u.Hold == 0:
	case u.Bytes > u.Hold:
		u.Forget()
	default:
		if u.Copy == nil {
			u.Copy = u.To.Loop().GetBuf()
		}
		u.Copy.Add(p)
	}
}

// Forget gives up what is kept.
func (u *Up) Forget() {
	u.Copy.Release()
	u.Copy, u.Hold = nil, 0
}

// release gives an empty buffer back.
func release(in **wire.Buf) {
	if (*in).Len() == 0 {
		(*in).Release()
		*in = nil
	}
}
