package front

import (
	"time"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// A refusal is a connection beyond limits.connections. It costs a descriptor and
// a few hundred bytes: no head of it is read, no handshake made, no buffer held.
//
// It is told as soon as it says something: a client that is answered before it has
// asked takes that for a fault of HTTP (Go's does). Then what it goes on to say is
// thrown away for a moment, since closing over unread bytes is a reset that can
// take the answer with it (RFC 9112 section 9.6).
type refusal struct {
	server *Server
	told   bool // it has its answer; what comes now is thrown away
	over   bool // it is counted out of refusals
}

// So many connections may be on their way out at a time, each for so long. The
// rest is told and closed at once, and leaves no access line: who has read nothing
// yet may find a reset where the answer was.
const (
	mostRefusals = 64
	refusalTime  = 2 * time.Second
)

// refusalShare is how many buffers of what it says are thrown away in one turn.
const refusalShare = 4

// internalErrorAlert refuses a TLS connection without a handshake. RFC 8446
// section 6.2 has it for what is the fault of neither peer, such as a lack of
// memory; clients show it, where a mere end looks like a broken network.
var internalErrorAlert = []byte{21, 3, 3, 0, 2, 2, 80}

// refusalText returns what a client of the listener can read.
func (s *Server) refusalText() []byte {
	if s.tls != nil {
		return internalErrorAlert
	}
	return s.refusal.Next()
}

// refuse tells the connection that there is no place for it. It runs on the loop
// that accepts, as do all refusals.
func (s *Server) refuse(sock *wire.Socket) {
	s.edge.Refused()
	s.crowded.Warn().Msg("limits.connections is reached: a connection was refused")
	if s.refusals == mostRefusals {
		sock.Dismiss(s.refusalText())
		return
	}
	r := &refusal{server: s}
	c, err := s.loops[0].Adopt(sock, nil, r, refusalTime)
	if err != nil {
		s.failedToTake(err)
		return
	}
	s.refusals++
	c.ExpireAfter(refusalTime)
}

// Wake implements wire.Handler.
func (r *refusal) Wake(c *wire.Conn) {
	for turn := 0; !c.Closing() && r.goOn(c); turn++ {
		if turn == refusalShare {
			c.Loop().Again(c)
			break
		}
	}
	if c.Closed() && !r.over {
		r.over = true
		r.server.refusals--
	}
}

// goOn takes one step and reports whether another one can follow at once.
func (r *refusal) goOn(c *wire.Conn) bool {
	in, err := c.Read(nil)
	in.Release()
	switch {
	case c.Expired(), c.Stalled(), err != nil && !wire.Waits(err):
		c.Close()
		return false
	case err != nil:
		return false
	case !r.told:
		r.told = true
		r.tell(c)
	}
	return true
}

// tell answers what the client has said. With TLS nobody knows whether that was a
// request.
func (r *refusal) tell(c *wire.Conn) {
	_, _ = c.Write(r.server.refusalText()) // who cannot be told will not be here for long
	c.CloseWrite()
	if r.server.tls == nil {
		r.server.refusal.Record()
	}
}
