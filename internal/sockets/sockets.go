// Package sockets has what an edge listens on: sockets that whoever has started the
// process hands over, as systemd does (sd_listen_fds(3)), and sockets of its own.
package sockets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// The names of sockets: FileDescriptorName in a unit of systemd.
const (
	Clients = "clients"
	Admin   = "admin"
)

// Sockets are those of one edge.
type Sockets struct {
	given map[string]*net.TCPListener // handed over, and not asked for yet
	// Beside has other edges listen at the same addresses: the one to relieve, and the
	// one that will. New connections are for the younger of two.
	Beside bool
}

// Given takes what was handed over to this process, once.
func Given() (*Sockets, error) {
	s := &Sockets{given: map[string]*net.TCPListener{}}
	for _, f := range activation.Files(true) {
		l, err := s.take(f)
		_ = f.Close() // the listener has a descriptor of its own
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("LISTEN_FDS: the socket named %q (FileDescriptorName): %w", f.Name(), err)
		}
		s.given[f.Name()] = l
	}
	return s, nil
}

func (s *Sockets) take(f *os.File) (*net.TCPListener, error) {
	if f.Name() != Clients && f.Name() != Admin {
		return nil, fmt.Errorf("want the name %s or %s", Clients, Admin)
	}
	if s.given[f.Name()] != nil {
		return nil, errors.New("there are two of that name; one ListenStream=[::]:PORT takes IPv4 as well")
	}
	if !listens(f) {
		return nil, errors.New("it does not listen; want Accept=no and ListenStream=")
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		_ = l.Close()
		return nil, errors.New("it is no TCP socket; want ListenStream= with a port")
	}
	return tcp, nil
}

// Open returns the socket of that name, and whether it was handed over: then others have
// it as well, and who waits in it when this edge ends is theirs. It must be where address
// says.
func (s *Sockets) Open(name, address string) (l *net.TCPListener, given bool, err error) {
	if l = s.given[name]; l == nil {
		l, err = s.listen(address)
		return l, false, err
	}
	if err := agree(l.Addr(), address); err != nil {
		return nil, false, fmt.Errorf("the socket named %q in LISTEN_FDS is %w", name, err)
	}
	delete(s.given, name)
	return l, true, nil
}

// listen opens a socket.
func (s *Sockets) listen(address string) (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAlive: -1} // what is accepted is set up by package wire
	if s.Beside {
		lc.Control = shareAddress
		lc.SetMultipathTCP(false) // its sockets take no program: see takeNew
	}
	l, err := lc.Listen(context.Background(), "tcp", address)
	if s.Beside && errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w (an edge can be relieved that one user has started, with --takeover as well)", err)
	}
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		panic("BUG: a TCP listener of another kind")
	}
	if s.Beside {
		if err := takeNew(tcp); err != nil {
			_ = tcp.Close()
			return nil, err
		}
	}
	return tcp, nil
}

// agree returns an error unless a socket at addr is what address asks for. A port of 0
// asks for any, and no host for all.
func agree(addr net.Addr, address string) error {
	want, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("at %s, and %q is no address: %w", addr, address, err)
	}
	got, ok := addr.(*net.TCPAddr)
	all := ok && got.IP.IsUnspecified() && (want.IP == nil || want.IP.IsUnspecified())
	if !ok || want.Port != 0 && want.Port != got.Port || !all && !want.IP.Equal(got.IP) {
		return fmt.Errorf("at %s, and the configuration says %s; make ListenStream= and the configuration agree", addr, address)
	}
	return nil
}

// Unused returns an error if there is a socket that nobody has asked for: its clients
// would wait for ever.
func (s *Sockets) Unused() error {
	if len(s.given) == 0 {
		return nil
	}
	return fmt.Errorf("LISTEN_FDS: nobody serves the socket named %s; admin.address switches that listener off",
		strings.Join(slices.Sorted(maps.Keys(s.given)), ", "))
}

// Close closes what nobody has asked for.
func (s *Sockets) Close() {
	for name, l := range s.given {
		_ = l.Close()
		delete(s.given, name)
	}
}
