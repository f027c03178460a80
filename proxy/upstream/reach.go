package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// openTCP opens a TCP connection to the upstream, through its proxy if it has one,
// within u.Connect.
func (u *Upstream) openTCP(ctx context.Context) (*net.TCPConn, error) {
	if u.Connect > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, u.Connect)
		defer cancel()
	}
	if u.Proxy != nil {
		return u.through(ctx, u.Proxy)
	}
	c, err := u.reach(ctx, u.Address)
	if err != nil {
		return nil, u.explain(err)
	}
	return c, nil
}

// reach opens a TCP connection to address, host:port.
func (u *Upstream) reach(ctx context.Context, address string) (*net.TCPConn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	addrs, err := u.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	ends := u.aside.order(inTurn(addrs, u.turn.Add(1)-1))
	return race(ctx, ends, u.aside.hear, func(ctx context.Context, end netip.Addr) (*net.TCPConn, error) {
		return dialTCP(ctx, netip.AddrPortFrom(end, uint16(port)))
	})
}

func dialTCP(ctx context.Context, end netip.AddrPort) (*net.TCPConn, error) {
	dialer := net.Dialer{KeepAliveConfig: wire.KeepAlive()}
	c, err := dialer.DialContext(ctx, "tcp", end.String())
	if errors.Is(err, syscall.EADDRNOTAVAIL) && hasSource(end) {
		err = fmt.Errorf("%w: %w", errNoPort, err)
	}
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		panic("BUG: dialing tcp gave another kind of connection")
	}
	return tcp, nil
}

// errNoPort is that every local port is in use towards one end, or rests behind a
// connection that this side has closed (TIME_WAIT, 60 s).
var errNoPort = errors.New("no local port left")

// hasSource reports whether this machine has an address from which to reach end. The
// kernel says EADDRNOTAVAIL both where it lacks a port and where it lacks the address,
// as it does for ::1 where IPv6 is switched off. UDP has ports of its own, picks the
// address alike, and sends nothing to connect.
func hasSource(end netip.AddrPort) bool {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(end))
	if err == nil {
		_ = c.Close()
	}
	return !errors.Is(err, syscall.EADDRNOTAVAIL)
}

// inTurn returns the addresses of a name in the order in which they are to be tried.
// The resolver's first says which family is preferred (RFC 6724); the families
// alternate (RFC 8305 section 4). Within each the one that begins goes round, from
// dial to dial: a resolver sorts, and would send everybody to the same one.
func inTurn(addrs []netip.Addr, turn uint64) []netip.Addr {
	var families [2][]netip.Addr // the preferred one, and the other
	for _, a := range addrs {
		a = a.Unmap()
		other := 0
		if a.Is4() != addrs[0].Unmap().Is4() {
			other = 1
		}
		if !slices.Contains(families[other], a) {
			families[other] = append(families[other], a)
		}
	}
	ordered := make([]netip.Addr, 0, len(addrs))
	for i := range addrs {
		for _, f := range families {
			if i < len(f) {
				ordered = append(ordered, f[(uint64(i)+turn)%uint64(len(f))])
			}
		}
	}
	return ordered
}
