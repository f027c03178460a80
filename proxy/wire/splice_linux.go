//go:build linux && !portable

package wire

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Pipe moves bytes between two plain connections inside the kernel. It serves one
// body at a time, in one direction, on the loop of both.
//
// Fill and Drain take turns: it is filled only when it is empty, and until it is empty
// again what it holds stands in front of all else that the other connection gets. What
// is left in it at Release is lost, so whoever releases one that holds something aborts.
type Pipe struct {
	r, w int   // its two ends; not to be used behind Release
	held int   // bytes in the pipe: read from the one, not yet sent to the other
	loop *Loop // whose store it goes back to
}

// pipeSize is asked for; who has no privilege may get it up to fs.pipe-max-size (1 MiB
// as a rule; pipe(7)).
const pipeSize = 256 << 10

// keepPipes bounds the free pipes that a loop keeps, maxPipes all of them: each takes two
// descriptors, and what it holds is the kernel's memory. Who has no privilege gets no
// more than 256 of that size (pipe-user-pages-soft).
const (
	keepPipes = 8
	maxPipes  = 128
)

// pipes are those of one loop.
type pipes struct {
	free  []*Pipe // empty, at most keepPipes
	open  int     // free or not
	taken bool    // one was, since tidy was called last
}

// GetPipe takes an empty pipe from the loop's own store. It returns nil if none can be
// had: then bytes are copied.
func (l *Loop) GetPipe() *Pipe {
	s := &l.pipes
	s.taken = true
	if n := len(s.free); n > 0 {
		p := s.free[n-1]
		s.free = s.free[:n-1]
		return p
	}
	var fds [2]int
	if s.open == maxPipes || unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil
	}
	s.open++
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize) // a smaller one serves as well
	return &Pipe{r: fds[0], w: fds[1], loop: l}
}

// Release gives the pipe back; p may be nil. One that holds something is closed, and
// with it goes what it holds.
func (p *Pipe) Release() {
	switch {
	case p == nil:
	case p.held == 0 && len(p.loop.pipes.free) < keepPipes:
		p.loop.pipes.free = append(p.loop.pipes.free, p)
	default:
		p.close()
	}
}

func (p *Pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
	p.loop.pipes.open--
}

// tidy closes the free ones if none was taken since it was called last: an edge that has
// nothing to do holds nothing.
func (s *pipes) tidy() {
	if !s.taken {
		s.closeFree()
	}
	s.taken = false
}

// closeFree closes those that nobody uses, at the end of the loop.
func (s *pipes) closeFree() {
	for _, p := range s.free {
		p.close()
	}
	s.free = nil
}

// Held returns how many bytes have been read and not yet been sent.
func (p *Pipe) Held() int { return p.held }

// Fill reads at most n bytes from c into the pipe, which must be empty: of a full one
// the kernel says the same as of a socket where nothing is. n must be
// more than 0, or the end would be seen in it. The error is ErrWait, io.EOF or the
// socket's.
func (p *Pipe) Fill(c *Conn, n int64) (int64, error) {
	if !c.ready {
		return 0, ErrWait
	}
	got, err := splice(c.descriptor(), p.w, int(min(n, pipeSize)))
	switch {
	case err == unix.EAGAIN: //nolint:errorlint // the system call returns it bare
		c.ready = c.left // behind FIN no event comes: see readNow
		return 0, ErrWait
	case err != nil:
		c.failed, c.left = os.NewSyscallError("splice", err), true
		return 0, c.failed
	case got == 0:
		c.left = true
		return 0, io.EOF
	}
	p.held = got
	c.got += int64(got)
	return int64(got), nil
}

// Drain sends what is in the pipe to c. ErrWait: c has no room; its handler is
// woken when it has. c must have no backlog, which these bytes would overtake.
func (p *Pipe) Drain(c *Conn) error {
	for p.held > 0 {
		sent, err := splice(p.r, c.descriptor(), p.held)
		switch {
		case err == unix.EAGAIN: //nolint:errorlint // the system call returns it bare
			c.awaitRoom()
			return ErrWait
		case err != nil:
			c.failed = os.NewSyscallError("splice", err)
			return c.failed
		}
		p.held -= sent
		c.put += int64(sent)
		c.endStall() // something has moved; awaitRoom begins another
	}
	c.wantsRoom = false
	return nil
}

// awaitRoom has the handler woken when the kernel takes more. A bound that runs goes
// on: to be woken and to find no room is no progress.
func (c *Conn) awaitRoom() {
	c.wantsRoom = true
	if !c.standing {
		c.beginStall()
	}
}

func splice(from, to, n int) (int, error) {
	for {
		m, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR { //nolint:errorlint // the system call returns it bare
			return int(m), err
		}
	}
}
