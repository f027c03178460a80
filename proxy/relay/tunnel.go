package relay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Tunnel moves bytes both ways between a client and an upstream that have switched to
// WebSocket. It looks at them only to know whether the end is in order: behind a Close
// frame it is, whoever sent that, and whoever ends the connection first, and how.
type Tunnel struct {
	Client, Upstream *wire.Conn
	// Idle bounds the time without a byte in either direction; 0: no bound.
	Idle time.Duration

	// Up and Down are the bytes moved: read from the one side, and handed to the other
	// one's connection.
	Up, Down int64
	// Ended tells that the upstream has ended the connection in order, and that the
	// client has taken all of it.
	Ended bool
	// upEnded: the upstream takes nothing more. The client is then read no longer;
	// what is left is what the upstream has sent before, and its end. Never taken back.
	upEnded    bool
	sent, said frames // by the client, by the upstream
}

// Begin takes what has come along with the two heads of the handshake.
func (t *Tunnel) Begin(up, down []byte) {
	t.sent.Feed(up)
	t.said.Feed(down)
	t.Down = int64(len(down))
}

// Go moves what is there. The client's side comes first: where both have ended, it was
// the client that left. One bound, on the upstream's connection, serves for both
// directions, and begins anew with each byte of either. nil: the WebSocket was closed,
// and one side has ended the connection; wire.ErrWait: call again when a connection
// wakes; else an *edgeerr.Error (ClientLeft, ClientStalled, UpstreamAborted, StreamIdle).
func (t *Tunnel) Go() error {
	err := t.turn()
	if t.closed() {
		switch edgeerr.CodeOf(err) {
		case edgeerr.ClientLeft, edgeerr.UpstreamAborted:
			return nil
		}
	}
	return err
}

// closed reports whether a Close frame has passed. One that the client has not taken is
// none: it did not leave behind it.
func (t *Tunnel) closed() bool { return t.sent.closed || t.said.closed && t.Client.Backlog() == 0 }

func (t *Tunnel) turn() error {
	up, err := t.goUp()
	if err != nil {
		return err
	}
	down, read, write := move(t.Upstream, t.Client, &t.said)
	t.Down += down
	t.Ended = errors.Is(read, io.EOF) && t.Client.Backlog() == 0
	switch {
	case t.Client.Stalled():
		return Stalled(t.Client)
	case write != nil:
		return clientError(write)
	case t.Client.Failed() != nil:
		return clientError(t.Client.Failed())
	case t.Ended:
		return edgeerr.Wrap(edgeerr.UpstreamAborted, errNotClosed)
	case !wire.Waits(read) && !errors.Is(read, io.EOF):
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
// what it has sent before is still to be relayed. A client that has left had its last
// bytes relayed, its Close frame among them, unless nobody takes them.
func (t *Tunnel) goUp() (n int64, err error) {
	read := wire.ErrWait
	if !t.upEnded {
		var write error
		n, read, write = move(t.Client, t.Upstream, &t.sent)
		t.Up += n
		t.upEnded = write != nil || t.Upstream.Failed() != nil
	}
	if !wire.Waits(read) || t.Client.Left() && (t.upEnded || t.Upstream.Backlog() > 0) {
		return n, edgeerr.Wrap(edgeerr.ClientLeft, errTunnelLeft)
	}
	return n, nil
}

var (
	errTunnelLeft = errors.New("the client left the WebSocket without a Close frame")
	errNotClosed  = errors.New("the upstream ended the WebSocket without a Close frame")
)

// move moves what is there, at most its share of a turn. read is never nil:
// wire.ErrWait where there is no more to read or no room for it. It reads only where
// there is no backlog, so that each direction holds one buffer at most.
func move(from, to *wire.Conn, passed *frames) (n int64, read, write error) {
	for range buffersPerTurn {
		if to.Backlog() > 0 {
			return n, wire.ErrWait, nil
		}
		in, err := from.Read(nil)
		if err != nil {
			return n, err, nil
		}
		n += int64(in.Len())
		passed.Feed(in.Bytes())
		if _, err := to.Send(in); err != nil {
			return n, wire.ErrWait, err
		}
	}
	from.Loop().Again(from)
	return n, wire.ErrWait, nil
}
