package relay

import (
	"errors"
	"io"
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
	last     atomic.Int64 // when a byte last moved, in nanoseconds since the epoch
}

// Run moves bytes until one side ends. fromClient and fromUpstream are what has
// been read already; both are released. nil is the orderly end by the upstream;
// an error is an *edgeerr.Error: ClientLeft, ClientStalled, UpstreamAborted or
// StreamIdle.
func (t *Tunnel) Run(fromClient, fromUpstream *wire.Buf) error {
	t.touch()
	up := make(chan error, 1)
	go func() {
		err := t.move(t.Client, t.Upstream, fromClient, &t.Up)
		t.Upstream.Cancel()
		up <- err
	}()
	down := t.move(t.Upstream, t.Client, fromUpstream, &t.Down)
	byClient := errors.Is(down, wire.ErrCanceled)
	t.Client.Rouse() // ends the other direction; what is written still arrives
	other := <-up
	if byClient {
		down = other
		if other == nil || errors.Is(other, io.EOF) || errors.Is(other, wire.ErrCanceled) {
			return edgeerr.Wrap(edgeerr.ClientLeft, errTunnelLeft)
		}
	}
	switch {
	case errors.Is(down, io.EOF):
		return nil
	case errors.Is(down, wire.ErrTimeout):
		return edgeerr.Wrap(edgeerr.StreamIdle, down)
	}
	return edgeerr.Wrap(edgeerr.UpstreamAborted, down)
}

var errTunnelLeft = errors.New("the client closed the tunnel")

func (t *Tunnel) touch() { t.last.Store(time.Now().UnixNano()) }

func (t *Tunnel) move(from, to *wire.Conn, in *wire.Buf, count *int64) error {
	for {
		if in.Len() > 0 {
			t.touch()
			n, err := to.Write(in.Bytes())
			*count += int64(n)
			if err != nil {
				in.Release()
				return err
			}
		}
		in.Release()
		var err error
		if in, err = from.Fill(nil, t.Idle); errors.Is(err, wire.ErrTimeout) && !t.idle() {
			from.Calm() // the other direction has moved bytes meanwhile
			continue
		} else if err != nil {
			return err
		}
	}
}

func (t *Tunnel) idle() bool {
	return t.Idle > 0 && time.Since(time.Unix(0, t.last.Load())) >= t.Idle
}
