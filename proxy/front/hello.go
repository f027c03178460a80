package front

import (
	"errors"
	"net"
)

// mostHandshake is how much a client may send before its TLS handshake is done.
// crypto/tls would buffer a ClientHello of 64 KiB, in up to twice as much; those
// of all known clients fit into 4 KiB, post-quantum key shares and session
// tickets included.
const mostHandshake = 16 << 10

// A handshaking connection bounds what half a handshake can hold.
type handshaking struct {
	*net.TCPConn
	left int
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
