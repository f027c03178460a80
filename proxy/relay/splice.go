package relay

import "github.com/apim-edge/apim-edge/proxy/wire"

// spliceFrom is how much of a body must be missing to be worth a pipe: to make and to
// close one takes four system calls.
const spliceFrom = 256 << 10

// splicer moves what is left of a large body of known length between two plain
// connections inside the kernel (measured: a 1 MB body for 104 instead of 252 µs
// of CPU).
type splicer struct {
	// pipe is there from the first use to Close: what it holds has no other place. From
	// then on the body goes no other way, and what is in the pipe goes out in front of
	// all else.
	pipe   *wire.Pipe
	failed bool // no pipe could be had; it is not tried again for this body
}

// serves reports whether the rest of the body goes this way. Nobody sees bytes that
// do: so it must be one of known length, whose end needs no look at it, whose events
// nobody counts and whose text nobody reads, and whose bytes are not those of records.
func (s *splicer) serves(t *Tracker, from, to *wire.Conn) bool {
	if s.pipe != nil {
		return true
	}
	if s.failed || t.Left() < spliceFrom || t.events != nil || t.tap != nil || t.collect != nil || !from.Plain() || !to.Plain() {
		return false
	}
	s.pipe = wire.NewPipe()
	s.failed = s.pipe == nil
	return !s.failed
}

// turn moves one pipe full at most. n is what was read. nil: all that was read is
// sent; wire.ErrWait where to has no room (then n is what was read before) or
// from has nothing; any other error is the read's, unless to has Failed. The tracker
// counts what was read, so a body that is Done may still be stuck. The caller has seen
// that to has no backlog, which the pipe would overtake.
func (s *splicer) turn(t *Tracker, from, to *wire.Conn) (n int64, err error) {
	if s.pipe.Held() == 0 && t.Left() > 0 { // never more than the body: what follows is another's
		if n, err = s.pipe.Fill(from, t.Left()); err != nil {
			return 0, err
		}
		t.Skip(n)
	}
	return n, s.pipe.Drain(to)
}

// stuck reports whether bytes wait in the pipe for room.
func (s *splicer) stuck() bool { return s.pipe != nil && s.pipe.Held() > 0 }

// Close gives the pipe back. Bytes in it are lost with it: its exchange is aborted.
func (s *splicer) Close() {
	p := s.pipe
	s.pipe = nil
	p.Close()
}
