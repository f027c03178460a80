package front

import (
	"context"
	"errors"
	"net"
)

// mostHandshake is how much a client may send before its TLS handshake is done.
// crypto/tls would buffer a ClientHello of 64 KiB, in up to twice as much. That of
// a browser has about 2 KiB, its post-quantum key share and a session ticket
// included.
const mostHandshake = 16 << 10

// handshaking is a connection until its handshake is done. It bounds what half a
// handshake can hold: 60 KiB of one from each of 5,000 clients were 231 MB (issue 15,
// A2). And it takes a turn for what crypto/tls does with bytes that have come: from the
// end of a read to the next read or write, which may have to wait for the client.
type handshaking struct {
	*net.TCPConn
	ctx     context.Context // of the handshake
	turns   *turns
	left    int   // of mostHandshake; at 0 it is over
	place   place // in which it waits for its next turn
	hasTurn bool
}

var errHandshakeTooLarge = errors.New("the client's part of the TLS handshake is too large")

func (h *handshaking) Read(p []byte) (int, error) {
	h.rest()
	if h.left == 0 {
		return 0, errHandshakeTooLarge
	}
	n, err := h.TCPConn.Read(p[:min(len(p), h.left)])
	h.left -= n
	if err != nil {
		return n, err
	}
	if err := h.turns.take(h.ctx, h.place); err != nil {
		return 0, err
	}
	h.hasTurn, h.place = true, begun
	return n, nil
}

func (h *handshaking) Write(p []byte) (int, error) {
	h.rest()
	return h.TCPConn.Write(p)
}

// rest gives the turn back.
func (h *handshaking) rest() {
	if h.hasTurn {
		h.hasTurn = false
		h.turns.give()
	}
}
