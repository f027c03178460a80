package upstream

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

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

// reach opens a TCP connection to address, host:port. It looks a name up each time,
// so that one that has moved is found where it is now.
func (u *Upstream) reach(ctx context.Context, address string) (*net.TCPConn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	addrs, err := u.lookup(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	if err != nil {
		return nil, err
	}
	ends := inTurn(addrs, u.turn.Add(1)-1)
	return race(ctx, ends, func(ctx context.Context, end netip.Addr) (*net.TCPConn, error) {
		return dialTCP(ctx, netip.AddrPortFrom(end, uint16(port)))
	})
}

func dialTCP(ctx context.Context, end netip.AddrPort) (*net.TCPConn, error) {
	dialer := net.Dialer{KeepAliveConfig: wire.KeepAlive()}
	c, err := dialer.DialContext(ctx, "tcp", end.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		panic("BUG: dialing tcp gave another kind of connection")
	}
	return tcp, nil
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
		families[other] = append(families[other], a)
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

// headStart is how long an address is waited for before the next one is tried beside
// it (RFC 8305 section 5).
const headStart = 250 * time.Millisecond

// race dials the ends, one beside the other, until one answers. Where none does, the
// error is that of the first that has failed.
func race(ctx context.Context, ends []netip.Addr, dial func(context.Context, netip.Addr) (*net.TCPConn, error)) (*net.TCPConn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn *net.TCPConn
		err  error
	}
	results := make(chan result)
	running := 0
	start := func() {
		end := ends[0]
		ends = ends[1:]
		running++
		go func() {
			c, err := dial(ctx, end)
			select {
			case results <- result{c, err}:
			case <-ctx.Done():
				if c != nil {
					_ = c.Close() // another one was faster
				}
			}
		}()
	}
	var failed error
	for start(); running > 0; {
		var next <-chan time.Time
		if len(ends) > 0 {
			next = time.After(headStart)
		}
		select {
		case <-next:
			start()
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			running--
			failed = cmp.Or(failed, r.err)
			if len(ends) > 0 {
				start()
			}
		case <-ctx.Done():
			return nil, cmp.Or(failed, ctx.Err())
		}
	}
	return nil, failed
}
