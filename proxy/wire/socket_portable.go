//go:build !linux || portable

package wire

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// socket does the input and output of a Conn through net.Conn alone. It holds a
// buffer while it waits, and it learns of departures from a goroutine that reads
// ahead while nobody else reads: correct everywhere, but not as frugal as
// socket_linux.go.
type socket struct {
	conn *Conn

	reading sync.Mutex   // held by whoever reads the socket
	wanted  atomic.Int32 // reads that wait for the one that looks ahead
	aheadMu sync.Mutex
	ahead   []byte // read while looking for the departure
	aheadE  error
}

func (s *socket) init(c *Conn) error {
	s.conn = c
	return nil
}

func (s *socket) fillSocket(b *Buf, timeout time.Duration) (*Buf, error) {
	if b == nil {
		b = GetBuf()
	}
	n, err := s.read(b.Free(), timeout)
	b.w += n
	return b.dropEmpty(), err
}

// own takes the socket from the goroutine that looks ahead.
func (s *socket) own() {
	s.wanted.Add(1)
	_ = s.conn.sock.SetReadDeadline(past)
	s.reading.Lock()
	s.wanted.Add(-1)
	s.unbound()
}

// unbound lets reads wait again, unless the connection is canceled or roused, be
// it at this moment.
func (s *socket) unbound() {
	_ = s.conn.sock.SetReadDeadline(time.Time{})
	if s.conn.Canceled() || s.conn.roused.Load() {
		_ = s.conn.sock.SetReadDeadline(past)
	}
}

// read waits at most timeout for bytes.
func (s *socket) read(p []byte, timeout time.Duration) (int, error) {
	s.own()
	defer s.reading.Unlock()
	if n, err := s.takeAhead(p); n > 0 || err != nil {
		return n, err
	}
	s.conn.readBy.Store(s.conn.watch.after(timeout))
	n, err := s.conn.sock.Read(p)
	s.conn.readBy.Store(0)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

func (s *socket) takeAhead(p []byte) (int, error) {
	s.aheadMu.Lock()
	defer s.aheadMu.Unlock()
	n := copy(p, s.ahead)
	s.ahead = s.ahead[n:]
	if n == 0 && s.aheadE != nil {
		return 0, s.aheadE
	}
	return n, nil
}

// readNow reads what is there and returns errAgain if nothing is.
func (s *socket) readNow(p []byte) (int, error) {
	s.own()
	defer s.reading.Unlock()
	if n, err := s.takeAhead(p); n > 0 || err != nil {
		return n, err
	}
	_ = s.conn.sock.SetReadDeadline(time.Now().Add(100 * time.Microsecond))
	n, err := s.conn.sock.Read(p)
	s.unbound()
	if n > 0 {
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, errAgain
	}
	return 0, err
}

// silent tells that the connection is open and nothing is there to be read.
func (s *socket) silent() bool {
	var one [1]byte
	_, err := s.readNow(one[:])
	return errors.Is(err, errAgain)
}

func (s *socket) writeSocket(p []byte) (int, error) {
	wrote := 0
	for wrote < len(p) {
		s.conn.writeBy.Store(s.conn.watch.after(s.conn.stall))
		n, err := s.conn.sock.Write(p[wrote:min(len(p), wrote+BufSize)])
		s.conn.writeBy.Store(0)
		if wrote += n; err != nil {
			return wrote, err
		}
	}
	return wrote, nil
}

// maxAhead bounds what is read while looking for the departure. Behind more than
// that it is not seen before somebody reads.
const maxAhead = 64 << 10

// lookAhead reads until the peer leaves, whenever nobody else reads.
func (s *socket) lookAhead(stop <-chan struct{}) {
	p := make([]byte, 512)
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
		if s.wanted.Load() > 0 || !s.reading.TryLock() {
			continue // somebody reads, and will see the end
		}
		gone := s.wanted.Load() == 0 && s.lookOnce(p)
		s.reading.Unlock()
		if gone {
			s.conn.Depart()
			return
		}
	}
}

func (s *socket) lookOnce(p []byte) (gone bool) {
	s.aheadMu.Lock()
	full := len(s.ahead) >= maxAhead
	s.aheadMu.Unlock()
	if full || s.conn.Canceled() {
		return false
	}
	n, err := s.conn.sock.Read(p)
	s.aheadMu.Lock()
	defer s.aheadMu.Unlock()
	s.ahead = append(s.ahead, p[:n]...)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	s.aheadE = err
	return true
}
