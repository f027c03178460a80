package relay

import "github.com/apim-edge/apim-edge/proxy/wire"

// spliceFrom is how much of a body must be missing to be worth a pipe. Less is copied in
// as few system calls.
const spliceFrom = wire.BufSize

// splicer moves what is there at once of a body of known length between two plain
// connections inside the kernel (docs/performance.md has the figures).
type splicer struct {
	// pipe holds bytes that wait for room, which have no other place and go out in front
	// of all else. Between two turns it is nil where there are none.
	pipe *wire.Pipe
	// few tells that the last turn has found less than a buffer of bytes: then they are
	// copied. A pipe takes a system call more to see that no more is there, which is dear
	// for a body that comes packet by packet.
	few bool
}

// serves reports whether the next bytes of the body go this way. Nobody sees bytes that
// do: so it must be one of known length, whose end needs no look at it, whose events
// nobody counts and whose text nobody reads, and whose bytes are not those of records.
// turn must follow where it is true.
func (s *splicer) serves(t *Tracker, from, to *wire.Conn) bool {
	if s.pipe != nil {
		return true
	}
	if s.few || t.Left() < spliceFrom || t.events != nil || t.tap != nil || t.collect != nil || !from.Plain() || !to.Plain() {
		return false
	}
	s.pipe = from.Loop().GetPipe()
	return s.pipe != nil
}

// turn moves one pipe full at most. n is what was read. nil: all that was read is
// sent; wire.ErrWait where to has no room (then n is what was read before) or
// from has nothing; any other error is the read's, unless to has Failed. The tracker
// counts what was read, so a body that is Done may still be stuck. The caller has seen
// that to has no backlog, which the pipe would overtake.
func (s *splicer) turn(t *Tracker, from, to *wire.Conn) (n int64, err error) {
	if !s.stuck() { // then some is missing, and never more than that is read: what follows is another's
		if n, err = s.pipe.Fill(from, t.Left()); err != nil {
			s.Close()
			return 0, err
		}
		t.Skip(n)
		s.few = n < wire.BufSize
	}
	if err = s.pipe.Drain(to); !s.stuck() {
		s.Close()
	}
	return n, err
}

// stuck reports whether bytes wait in the pipe for room.
func (s *splicer) stuck() bool { return s.pipe != nil && s.pipe.Held() > 0 }

// Close gives the pipe back. Bytes in it are lost with it: its exchange is aborted.
func (s *splicer) Close() {
	s.pipe.Release()
	s.pipe = nil
}
