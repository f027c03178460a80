//go:build linux && !portable

package wire

import (
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a connection that no loop has adopted yet: one that a Listener has
// accepted, or one of the net package's. Whoever has it adopts, closes or dismisses it,
// or makes it a connection of the net package: one of them, once.
type Socket struct {
	fd   int          // non-blocking, and unknown to Go's own poller
	tcp  *net.TCPConn // instead of fd, which then is -1
	Peer netip.AddrPort
}

// SocketOf makes a Socket of a connection of the net package.
func SocketOf(tcp *net.TCPConn) *Socket {
	s := &Socket{fd: -1, tcp: tcp}
	if a, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		s.Peer = a.AddrPort()
	}
	return s
}

// take returns the descriptor, out of the reach of Go's own poller, which would
// be woken for every event a second time.
func (s *Socket) take() (fd int, err error) {
	if s.tcp == nil {
		return s.fd, nil
	}
	raw, err := s.tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	if cerr := raw.Control(func(own uintptr) {
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil {
		err = cerr
	}
	_ = s.tcp.Close()
	return fd, os.NewSyscallError("fcntl", err)
}

// TCP makes it a connection of the net package, which takes it over.
func (s *Socket) TCP() (*net.TCPConn, error) {
	if s.tcp != nil {
		return s.tcp, nil
	}
	f := os.NewFile(uintptr(s.fd), "")
	defer f.Close() //nolint:errcheck // the connection has a descriptor of its own
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		panic("BUG: a TCP listener accepted another kind of connection")
	}
	return tcp, nil
}

// Close closes a connection that nobody adopts.
func (s *Socket) Close() {
	if s.tcp != nil {
		_ = s.tcp.Close()
		return
	}
	_ = unix.Close(s.fd)
}

// Dismiss sends what the kernel takes of last at once, and closes. Nothing has been
// sent before, so that it takes a short one whole; and nothing of what the peer has said
// is read, so that the end it sees may be a reset.
func (s *Socket) Dismiss(last []byte) {
	if fd, err := s.take(); err == nil {
		_, _ = sysWrite(fd, last)
		_ = unix.Close(fd)
	}
}

// Listener accepts connections on a loop: whoever accepts elsewhere wakes two
// threads for each of them.
type Listener struct {
	loop   *Loop
	fd     int // -1: closed; only on the loop
	accept func(*Socket, error)
	again  bool // it will look once more of its own accord
}

// listenerSeat marks the events of the loop's listener.
const listenerSeat = -2

// acceptAgain is how long the loop waits when it could not accept: there is no
// descriptor for another connection, as a rule, and it would be told so without end.
const acceptAgain = 50 * time.Millisecond

// Listen takes the listener over. accept is called on the loop for each connection,
// or with an error when there is one that could not be accepted. A loop has one
// listener.
func (l *Loop) Listen(own *net.TCPListener, accept func(*Socket, error)) (*Listener, error) {
	f, err := own.File()
	if err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	_, _ = f.Close(), own.Close() // and so out of Go's poller
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	n := &Listener{loop: l, fd: fd, accept: accept}
	// What is accepted inherits this: four system calls less for each connection.
	for _, option := range [][3]int{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAliveIdle / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAliveInterval / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
	} {
		if err := unix.SetsockoptInt(fd, option[0], option[1], option[2]); err != nil {
			_ = unix.Close(fd)
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	l.Do(func() {
		l.listener = n
		err = watch(l.ep, fd, unix.EPOLLIN|unix.EPOLLET, seat{listenerSeat, 0})
	})
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// acceptShare is how many connections are accepted in one turn: a flood of those
// that are refused must not hold up the others for longer than an event does.
const acceptShare = 32

// acceptAll accepts whoever waits, in shares, so that those who are in are served
// meanwhile. It goes on until nobody waits, or sees to it that it is called again: the
// edge-triggered instance tells of those who wait only when another one comes.
func (n *Listener) acceptAll() {
	for range acceptShare {
		if n.fd < 0 || n.again {
			return
		}
		switch err := n.acceptOne(); err {
		case nil:
		case unix.EAGAIN:
			return
		default:
			n.again = true // one look for all who wait: each of them is an event as well
			time.AfterFunc(acceptAgain, func() { n.loop.Post(n.lookAgain) })
			n.hand(nil, os.NewSyscallError("accept4", err))
			return
		}
	}
	n.again = true
	n.loop.Post(n.lookAgain)
}

// acceptOne accepts one connection, or none that gave up while it waited.
func (n *Listener) acceptOne() error {
	fd, address, err := unix.Accept4(n.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch err {
	case nil:
		n.hand(&Socket{fd: fd, Peer: addrPort(address)}, nil)
	case unix.EINTR, unix.ECONNABORTED:
		err = nil
	}
	return err
}

func (n *Listener) lookAgain() {
	n.again = false
	n.acceptAll()
}

// hand calls accept, whose panic must not keep the others out: the edge-triggered
// instance would not tell of them again.
func (n *Listener) hand(sock *Socket, err error) {
	defer n.loop.survive(nil)
	n.accept(sock, err)
}

func addrPort(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// Close stops accepting, behind those who wait: the kernel would reset them. Between the
// last of them and the end nobody but the kernel can step in. It must not be called on
// the loop.
func (n *Listener) Close() {
	n.loop.Do(func() {
		for left := mostWaiting; n.fd >= 0 && left > 0; left-- {
			if n.acceptOne() != nil {
				break
			}
		}
		n.closeNow()
	})
}

// Leave stops accepting where another process has the socket as well, and those who wait
// are served there. It must not be called on the loop.
func (n *Listener) Leave() { n.loop.Do(n.closeNow) }

// mostWaiting is how many are accepted at the end: more than a kernel lets wait, so that
// a flood has an end as well.
const mostWaiting = 1 << 16

// closeNow takes the socket out of the epoll instance itself: closing does that only
// where nobody else has it.
func (n *Listener) closeNow() {
	if n.fd >= 0 {
		_ = unix.EpollCtl(n.loop.ep, unix.EPOLL_CTL_DEL, n.fd, nil)
		_ = unix.Close(n.fd)
		n.fd = -1
	}
}
