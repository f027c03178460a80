//go:build linux && !portable

package wire

import (
	"errors"
	"io"
	"math"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a socket that Go's own poller does not know: it would be woken for
// every event a second time.
type socket struct {
	fd   int32 // non-blocking; -1 once closed
	seat seat  // where the loop finds the connection; the number is another's once closed
}

func (s *socket) descriptor() int { return int(s.fd) }

// everything is what each connection is registered for, once, when it is adopted:
// whoever switches EPOLLOUT on and off pays a system call each time. It can stay on
// because the instance is edge-triggered: room by itself is told of only where there
// was none. What came before the registration is told by the first event.
const everything = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// seated returns the connection that an event is about, or nil if it is closed.
func (l *Loop) seated(s seat) *Conn {
	if s.number < 0 || int(s.number) >= len(l.seats) {
		return nil
	}
	if c := l.seats[s.number]; c != nil && c.seat == s {
		return c
	}
	return nil
}

// handle takes one event in, all of it, before the handler is woken: that is done
// once, and what it then asks of the connection is true for the whole event. An event
// is told once, so nothing of it may be dropped here.
func (l *Loop) handle(e *unix.EpollEvent) {
	switch e.Fd {
	case wakeSeat:
		l.runPosted()
		return
	case listenerSeat:
		l.listener.acceptAll()
		return
	}
	c := l.seated(seat{e.Fd, e.Pad})
	if c == nil {
		return // closed by a handler that ran earlier in this turn
	}
	defer l.survive(c)
	c.pending = false
	wake := false
	if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.heard()
		wake = true
		c.left = c.left || e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	}
	// EPOLLOUT comes along with every other event where there is room, so what waits
	// for room is asked first.
	if e.Events&unix.EPOLLOUT != 0 && c.backlog != nil {
		wake = c.flush() || wake
		if c.closing && c.backlog == nil {
			c.closeNow()
			c.handler.Wake(c)
			return
		}
	}
	if e.Events&unix.EPOLLOUT != 0 && c.wantsRoom {
		c.wantsRoom, wake = false, true
	}
	if wake && !c.closing {
		c.handler.Wake(c)
	}
}

// Adopt takes the socket over: sock is of no further use, also where there is an
// error, and its connection goes on under the loop. It belongs to the loop's
// goroutine. A write may stall for at most stall (0: for ever). secured is nil for
// plain TCP. What crypto/tls has read with the end of the handshake is told by no
// event: the caller has to look.
func (l *Loop) Adopt(sock *Socket, secured *Secured, handler Handler, stall time.Duration) (*Conn, error) {
	c := &Conn{loop: l, handler: handler, stall: stall}
	fd, err := sock.take()
	if err != nil {
		return nil, err
	}
	c.fd = int32(fd) //nolint:gosec // as the kernel has it
	if secured != nil {
		c.tls, c.src = secured.tls, secured.src
		c.src.conn = c
	}
	l.sit(c)
	if err := watch(l.ep, fd, everything, c.seat); err != nil {
		l.remove(c)
		c.closeSocket()
		return nil, err
	}
	return c, nil
}

// BoundUnacked has the kernel give the peer up when it has acknowledged nothing of
// what was sent, or no probe, for d and a quarter and a second more (0: for as long as
// the kernel likes, a quarter of an hour and more). It also ends a wait for a peer that
// answers and takes nothing, in the kernel's buffers as well (tcp(7), TCP_USER_TIMEOUT):
// so it is not for clients, of which a slow stream may wait there for longer.
func (c *Conn) BoundUnacked(d time.Duration) {
	if d > 0 {
		milliseconds := min((d+d/4+time.Second+time.Millisecond-1)/time.Millisecond, math.MaxInt32)
		_ = unix.SetsockoptInt(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(milliseconds))
	}
}

// settle has nothing to do here: events are handled in the order of arrival.
func (c *Conn) settle() {}

// readNow reads once. A read that did not fill p clears ready, which saves the
// read that would find nothing: what comes later is an event of its own, and so is
// FIN, so that it is not missed when it comes together with bytes. Behind FIN there
// is no further event, so ready then stays. Who asks again after the end is told the
// same end. p must have room.
func (c *Conn) readNow(p []byte) (int, error) {
	n, errno := sysRead(c.descriptor(), p)
	switch {
	case errno == syscall.EAGAIN:
		c.ready = false
		return 0, ErrWait
	case errno != 0:
		c.failed, c.left = os.NewSyscallError("read", errno), true
		return 0, c.failed
	case n > 0:
		c.ready = n == len(p) || c.left
		return n, nil
	}
	c.left = true
	// EPIPE says nothing of what the peer has sent: it may have answered in full, and
	// then closed a side that it did not need.
	if c.failed != nil && !errors.Is(c.failed, syscall.EPIPE) {
		return 0, c.failed // the kernel tells of a reset once, and then of an end
	}
	return 0, io.EOF
}

// writeNow sends what the kernel takes, until it says that there is no room: only
// behind that does it tell when there is some again.
func (c *Conn) writeNow(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n, errno := sysWrite(c.descriptor(), p[sent:])
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 {
			return sent, os.NewSyscallError("write", errno)
		}
		sent += n
		c.put += int64(n)
	}
	return sent, nil
}

// unacked returns how many bytes the kernel holds that the peer has not taken.
func (c *Conn) unacked() int {
	n, err := unix.IoctlGetInt(c.descriptor(), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// lastWord returns whether something is under way that the peer has not acknowledged, and
// for how long it has acknowledged nothing at all. What waits because the peer has no
// room is not under way.
func (c *Conn) lastWord() (underWay bool, silent time.Duration) {
	info, err := unix.GetsockoptTCPInfo(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false, 0
	}
	return info.Unacked > 0, time.Duration(info.Last_ack_recv) * time.Millisecond
}

// AckLater lets the kernel acknowledge every second piece of what the peer sends
// instead of each one, which costs a packet per event (a fifth of its CPU time;
// docs/performance.md). It does so of its own accord where both sides talk, and
// stops doing so as soon as a second piece has not come within 40 ms.
func (c *Conn) AckLater() {
	_ = unix.SetsockoptInt(c.descriptor(), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
}

// resetOnClose has the close that follows throw away what the kernel holds, and send
// RST instead of FIN (socket(7), SO_LINGER of no time).
func (c *Conn) resetOnClose() {
	_ = unix.SetsockoptLinger(c.descriptor(), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

func (c *Conn) closeSocket() {
	_ = unix.Close(c.descriptor())
	c.fd = -1 // the number may be another's from now on
}

func (c *Conn) shutdownSocket() { _ = unix.Shutdown(c.descriptor(), unix.SHUT_WR) }

// The system calls are made without telling the scheduler: on a non-blocking
// socket they return at once (measured: 0.8 to 1.7 µs less per event than
// syscall.Read, which lets the monitor thread take the processor away).

func sysRead(fd int, p []byte) (int, syscall.Errno) {
	for {
		// Not read, which goes through the file layer first: 2.5 % of an exchange.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
			0, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

func sysWrite(fd int, p []byte) (int, syscall.Errno) {
	for {
		// MSG_NOSIGNAL: a write to a closed socket is an error, not SIGPIPE.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
			syscall.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
