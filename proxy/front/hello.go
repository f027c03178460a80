package front

import (
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
// A2).
type handshaking struct {
	*net.TCPConn
	left int // of mostHandshake; at 0 it is over
}

var errHandshakeTooLarge = errors.New("the client's part of the TLS handshake is too large")

func (h *handshaking) Read(p []byte) (int, error) {
	if h.left == 0 {
		return 0, errHandshakeTooLarge
	}
	n, err := h.TCPConn.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}
