//go:build linux && !portable

package wire

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// socket does the input and output of a Conn by raw system calls inside
// RawConn's callbacks: the sockets are non-blocking, so a call returns at once,
// and the scheduler need not be told (measured: 0.8 to 1.7 µs less per event
// than syscall.Read, which lets the monitor thread take the processor away).
type socket struct {
	conn *Conn
	raw  syscall.RawConn

	in      *Buf   // of the Fill under way
	into    []byte // of the read under way
	one     [1]byte
	readN   int
	readErr syscall.Errno
	timeout time.Duration
	armed   bool   // the wait under way has begun
	out     []byte // of the Write under way
	wrote   int
	outErr  syscall.Errno

	// The callbacks as values, made once: a method value allocates.
	tryReadF, tryReadIntoF, tryWriteF func(uintptr) bool
	readNowF, peekF                   func(uintptr)
}

func (s *socket) init(c *Conn) (err error) {
	s.conn = c
	s.tryReadF, s.tryReadIntoF, s.tryWriteF = s.tryRead, s.tryReadInto, s.tryWrite
	s.readNowF, s.peekF = s.readNowFD, s.peek
	s.raw, err = c.sock.SyscallConn()
	return err
}

func (s *socket) fillSocket(b *Buf, timeout time.Duration) (*Buf, error) {
	s.in, s.timeout, s.readN, s.readErr, s.armed = b, timeout, 0, 0, false
	err := s.raw.Read(s.tryReadF)
	for s.late(err) {
		err = s.raw.Read(s.tryReadF)
	}
	b, s.in = s.in, nil
	switch {
	case err != nil:
		return b, err
	case s.readErr != 0:
		return b.dropEmpty(), os.NewSyscallError("read", s.readErr)
	case s.readN == 0:
		return b.dropEmpty(), io.EOF
	}
	b.w += s.readN
	return b, nil
}

// tryRead reads once. It must try even right after a wake-up: the poller
// forgets an edge that came between two waits.
func (s *socket) tryRead(fd uintptr) bool {
	if s.in == nil {
		s.in = GetBuf()
	}
	s.readN, s.readErr = sysRead(fd, s.in.Free())
	if s.readErr != syscall.EAGAIN {
		return true
	}
	s.readErr = 0
	s.in = s.in.dropEmpty()
	s.arm()
	return false
}

// arm notes when the wait that begins has expired.
func (s *socket) arm() {
	s.armed = true
	s.conn.readBy.Store(s.conn.watch.after(s.timeout))
}

// late ends a wait. It tells whether err is the bound of an earlier one, whose
// bytes came while the watch was ending it; the wait must then be begun again.
func (s *socket) late(err error) bool {
	by := s.conn.readBy.Swap(0)
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || s.armed && by == 0 && s.timeout > 0 ||
		s.conn.canceled.Load() || s.conn.roused.Load() {
		return false
	}
	s.armed = false
	_ = s.conn.sock.SetReadDeadline(time.Time{})
	if s.conn.canceled.Load() || s.conn.roused.Load() {
		_ = s.conn.sock.SetReadDeadline(past)
	}
	return true
}

// read is Fill for a buffer that the caller holds anyway.
func (s *socket) read(p []byte, timeout time.Duration) (int, error) {
	s.into, s.timeout, s.armed = p, timeout, false
	err := s.raw.Read(s.tryReadIntoF)
	for s.late(err) {
		err = s.raw.Read(s.tryReadIntoF)
	}
	return s.readResult(err)
}

func (s *socket) tryReadInto(fd uintptr) bool {
	s.readN, s.readErr = sysRead(fd, s.into)
	if s.readErr != syscall.EAGAIN {
		return true
	}
	s.arm()
	return false
}

// readNow reads what is there and returns errAgain if nothing is.
func (s *socket) readNow(p []byte) (int, error) {
	s.into = p
	err := s.raw.Control(s.readNowF)
	if err == nil && s.readErr == syscall.EAGAIN {
		s.into = nil
		return 0, errAgain
	}
	return s.readResult(err)
}

func (s *socket) readNowFD(fd uintptr) { s.readN, s.readErr = sysRead(fd, s.into) }

func (s *socket) readResult(err error) (int, error) {
	s.into = nil
	switch {
	case err != nil:
		return 0, err
	case s.readErr != 0:
		return 0, os.NewSyscallError("read", s.readErr)
	case s.readN == 0:
		return 0, io.EOF
	}
	return s.readN, nil
}

// silent tells that the connection is open and nothing is there to be read.
func (s *socket) silent() bool {
	err := s.raw.Control(s.peekF)
	return err == nil && s.readErr == syscall.EAGAIN
}

func (s *socket) peek(fd uintptr) {
	s.readN, s.readErr = sysPeek(fd, s.one[:])
}

func (s *socket) writeSocket(p []byte) (int, error) {
	s.out, s.wrote, s.outErr = p, 0, 0
	err := s.raw.Write(s.tryWriteF)
	s.out = nil
	if s.conn.writeBy.Load() != 0 {
		s.conn.writeBy.Store(0)
	}
	if err == nil && s.outErr != 0 {
		err = os.NewSyscallError("write", s.outErr)
	}
	return s.wrote, err
}

func (s *socket) tryWrite(fd uintptr) bool {
	for len(s.out) > 0 {
		n, errno := sysWrite(fd, s.out)
		if errno == syscall.EAGAIN {
			s.conn.writeBy.Store(s.conn.watch.after(s.conn.stall))
			return false
		}
		if errno != 0 {
			s.outErr = errno
			return true
		}
		s.out = s.out[n:]
		s.wrote += n
	}
	return true
}

func sysRead(fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

func sysPeek(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func sysWrite(fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		// MSG_NOSIGNAL: a write to a closed socket is an error, not SIGPIPE.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
			syscall.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
