//go:build linux && !portable

package wire

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hups learns of peers that leave through an epoll instance of its own. Each
// socket is added once for EPOLLRDHUP alone, edge-triggered: bytes that arrive
// wake nobody here, so that an exchange costs nothing. The instance itself is
// parked in Go's poller and holds no thread.
type hups struct {
	file  *os.File
	fd    int
	seats []*Conn // by seat number
	free  []int32
	gen   int32
}

// seat is the place of a connection in the watch; gen tells its events from
// those of the connection that had the place before.
type seat struct{ number, gen int32 }

func (h *hups) start(w *Watch) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	h.fd, h.file = fd, os.NewFile(uintptr(fd), "epoll")
	raw, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	go w.listen(raw)
	return nil
}

func (h *hups) end() { _ = h.file.Close() }

// listen runs until the epoll instance is closed.
func (w *Watch) listen(raw syscall.RawConn) {
	events := make([]unix.EpollEvent, 128)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			var errno error
			n, errno = unix.EpollWait(int(fd), events, 0)
			return errno == nil && n > 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:n] {
			if c := w.seated(seat{e.Fd, e.Pad}); c != nil {
				c.Depart()
			}
		}
	}
}

func (w *Watch) seated(s seat) *Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.hups.seats[s.number]
	if c == nil || c.seat != s {
		return nil
	}
	return c
}

func (h *hups) add(c *Conn) error {
	h.gen++
	c.seat = seat{int32(len(h.seats)), h.gen}
	if n := len(h.free); n > 0 {
		c.seat.number, h.free = h.free[n-1], h.free[:n-1]
	} else {
		h.seats = append(h.seats, nil)
	}
	h.seats[c.seat.number] = c
	event := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: c.seat.number, Pad: c.seat.gen}
	var err error
	if cerr := c.raw.Control(func(fd uintptr) {
		err = unix.EpollCtl(h.fd, unix.EPOLL_CTL_ADD, int(fd), &event)
	}); cerr != nil {
		err = cerr
	}
	if err != nil {
		h.remove(c)
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// expectHup has nothing to do: the kernel has been looking since add.
func (c *Conn) expectHup() {}

// remove frees the seat; closing the socket takes it out of the epoll instance.
func (h *hups) remove(c *Conn) {
	h.seats[c.seat.number] = nil
	h.free = append(h.free, c.seat.number)
}
