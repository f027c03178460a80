package relay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Tunnel moves bytes both ways between a client and an upstream that have
// switched protocols (RFC 9110 section 7.8). Nobody knows a framing any more, so the
// ends of the two connections are all that says how it went. The upstream's is the
// orderly one: a WebSocket's server closes first (RFC 6455 section 7.1.1). A client
// that ends first has left; there is no half of a tunnel to that side.
type Tunnel struct {
	Client, Upstream *wire.Conn
	// Idle bounds the time without a byte in either direction; 0: no bound.
	Idle time.Duration

	// Up and Down are the bytes moved: read from the one side, and handed to the other
	// one's connection.
	Up, Down int64
	// upEnded: the upstream takes nothing more. The client is then read no longer;
	// what is left is what the upstream has sent before, and its end. Never taken back.
	upEnded bool
}

// Go moves what is there. The client's side comes first: where both have ended, it was
// the client that left. One bound, on the upstream's connection, serves for both
// directions, and begins anew with each byte of either. nil: the upstream has ended
// the tunnel in order, and the client has taken all of it;
// wire.ErrWait: call again when a connection wakes; else an *edgeerr.Error
// (ClientLeft, ClientStalled, UpstreamAborted, StreamIdle).
func (t *Tunnel) Go() error {
	up, err := t.goUp()
	if err != nil {
		return err
	}
	down, read, write := move(t.Upstream, t.Client)
	t.Down += down
	switch {
	case t.Client.Stalled():
		return Stalled(t.Client)
	case write != nil:
		return clientError(write)
	case t.Client.Failed() != nil:
		return clientError(t.Client.Failed())
	case errors.Is(read, io.EOF) && t.Client.Backlog() == 0:
		return nil // else the client has not got all; it is asked again when there is room
	case !errors.Is(read, wire.ErrWait) && !errors.Is(read, io.EOF):
		return edgeerr.Wrap(edgeerr.UpstreamAborted, fmt.Errorf("read from the tunnel: %w", read))
	}
	switch {
	case up+down == 0 && t.Upstream.Armed():
	case up+down == 0 && t.Upstream.Expired():
		return edgeerr.Wrap(edgeerr.StreamIdle, errIdle)
	default:
		t.Upstream.ExpireAfter(t.Idle)
	}
	return wire.ErrWait
}

// goUp moves what the client has sent. Where the upstream takes nothing more,
// what it has sent before is still to be relayed.
func (t *Tunnel) goUp() (n int64, err error) {
	if t.upEnded {
		return 0, nil
	}
	n, read, write := move(t.Client, t.Upstream)
	t.Up += n
	t.upEnded = write != nil || t.Upstream.Failed() != nil
	if !errors.Is(read, wire.ErrWait) {
		return n, edgeerr.Wrap(edgeerr.ClientLeft, errTunnelLeft)
	}
	return n, nil
}

var errTunnelLeft = errors.New("the client closed the tunnel")

// move moves what is there, at most its share of a turn. read is never nil:
// wire.ErrWait where there is no more to read or no room for it. It reads only where
// there is no backlog, so that each direction holds one buffer at most.
func move(from, to *wire.Conn) (n int64, read, write error) {
	for range buffersPerTurn {
		if to.Backlog() > 0 {
			return n, wire.ErrWait, nil
		}
		in, err := from.Read(nil)
		if err != nil {
			return n, err, nil
		}
		n += int64(in.Len())
		if _, err := to.Send(in); err != nil {
			return n, wire.ErrWait, err
		}
	}
	from.Loop().Again(from)
	return n, wire.ErrWait, nil
}
