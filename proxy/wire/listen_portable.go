//go:build !linux || portable

package wire

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// Socket is a connection that no loop has adopted yet.
type Socket struct {
	tcp  *net.TCPConn
	Peer netip.AddrPort
}

// SocketOf makes a Socket of a connection of the net package.
func SocketOf(tcp *net.TCPConn) *Socket {
	s := &Socket{tcp: tcp}
	if a, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		s.Peer = a.AddrPort()
	}
	return s
}

// TCP makes it a connection of the net package, which takes it over.
func (s *Socket) TCP() (*net.TCPConn, error) { return s.tcp, nil }

// Close closes a connection that nobody adopts.
func (s *Socket) Close() { _ = s.tcp.Close() }

// Dismiss sends what the kernel takes of last within a moment, and closes.
func (s *Socket) Dismiss(last []byte) {
	_ = s.tcp.SetWriteDeadline(time.Now().Add(time.Millisecond))
	_, _ = s.tcp.Write(last)
	_ = s.tcp.Close()
}

// Listener accepts connections for a loop.
type Listener struct{ own *net.TCPListener }

const acceptAgain = 50 * time.Millisecond

// Listen takes the listener over. accept is called on the loop for each connection,
// or with an error when there is one that could not be accepted.
func (l *Loop) Listen(own *net.TCPListener, accept func(*Socket, error)) (*Listener, error) {
	go func() {
		for {
			tcp, err := own.AcceptTCP()
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err != nil:
				l.Post(func() { accept(nil, err) })
				time.Sleep(acceptAgain)
			default:
				_ = tcp.SetKeepAliveConfig(KeepAlive())
				s := SocketOf(tcp)
				if !l.Post(func() { accept(s, nil) }) {
					s.Close()
				}
			}
		}
	}()
	return &Listener{own}, nil
}

// Close stops accepting.
func (n *Listener) Close() { _ = n.own.Close() }

// Leave stops accepting where another process has the socket as well.
func (n *Listener) Leave() { n.Close() }
