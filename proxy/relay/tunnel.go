package relay

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Tunnel moves bytes both ways between a client and an upstream that have
// switched protocols.
type Tunnel struct {
	Client, Upstream *wire.Conn
	// Idle bounds the time without a byte in either direction; 0: no bound.
	Idle time.Duration

	// Up and Down are the bytes moved, once Run has returned.
	Up, Down int64

	last  atomic.Int64 // when a byte last moved, in nanoseconds since the epoch
	over  atomic.Bool
	once  sync.Once
	cause error
}

// Run moves bytes until one side ends. fromClient and fromUpstream are what has
// been read already; both are released. nil is the orderly end by the upstream;
// an error is an *edgeerr.Error: ClientLeft, ClientStalled, UpstreamAborted or
// StreamIdle.
func (t *Tunnel) Run(fromClient, fromUpstream *wire.Buf) error {
	t.touch()
	up := make(chan struct{})
	go func() {
		defer close(up)
		if err := t.moveUp(fromClient); !errors.Is(err, ErrUpstreamWrite) {
			t.end(err)
			t.Upstream.Cancel()
		}
	}()
	t.end(t.moveDown(fromUpstream))
	t.Client.Rouse() // ends the other direction; what was written still arrives
	<-up
	return t.cause
}

// end keeps the cause by which the first direction has ended: the other one ends
// in consequence.
func (t *Tunnel) end(cause error) {
	t.once.Do(func() {
		t.cause = cause
		t.over.Store(true)
	})
}

// moveUp ends with ErrUpstreamWrite where the upstream takes nothing more: what
// it has sent before that is still to be relayed.
func (t *Tunnel) moveUp(in *wire.Buf) error {
	read, write := t.move(t.Client, t.Upstream, in, &t.Up)
	switch {
	case errors.Is(read, wire.ErrTimeout):
		return edgeerr.Wrap(edgeerr.StreamIdle, read)
	case read != nil:
		return edgeerr.Wrap(edgeerr.ClientLeft, errTunnelLeft)
	case errors.Is(write, wire.ErrTimeout):
		return edgeerr.Wrap(edgeerr.UpstreamAborted, fmt.Errorf("write to the tunnel: %w", write))
	case errors.Is(write, wire.ErrCanceled):
		return edgeerr.Wrap(edgeerr.ClientLeft, write)
	}
	return errors.Join(ErrUpstreamWrite, write)
}

// moveDown ends with nil where the upstream has ended in order.
func (t *Tunnel) moveDown(in *wire.Buf) error {
	read, write := t.move(t.Upstream, t.Client, in, &t.Down)
	switch {
	case write != nil:
		return clientError(write)
	case errors.Is(read, io.EOF):
		return nil
	case errors.Is(read, wire.ErrTimeout):
		return edgeerr.Wrap(edgeerr.StreamIdle, read)
	case errors.Is(read, wire.ErrCanceled):
		return edgeerr.Wrap(edgeerr.ClientLeft, read)
	}
	return edgeerr.Wrap(edgeerr.UpstreamAborted, fmt.Errorf("read from the tunnel: %w", read))
}

var errTunnelLeft = errors.New("the client closed the tunnel")

// move ends with the error of one read or of one write.
func (t *Tunnel) move(from, to *wire.Conn, in *wire.Buf, count *int64) (read, write error) {
	wait := t.Idle
	for {
		if in.Len() > 0 {
			t.touch()
			n, err := to.Write(in.Bytes())
			if *count += int64(n); err != nil {
				in.Release()
				return nil, err
			}
		}
		in.Release()
		in, read = from.Fill(nil, wait)
		if wait = t.Idle; read == nil {
			continue
		}
		if !errors.Is(read, wire.ErrTimeout) {
			return read, nil
		}
		if wait = t.left(); wait <= 0 {
			return read, nil
		}
		from.Calm() // the other direction has moved bytes meanwhile
		if t.over.Load() {
			return read, nil // or it has ended and roused this one
		}
	}
}

func (t *Tunnel) touch() { t.last.Store(time.Now().UnixNano()) }

// left returns how much of Idle is left.
func (t *Tunnel) left() time.Duration {
	return t.Idle - time.Since(time.Unix(0, t.last.Load()))
}
