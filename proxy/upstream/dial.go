package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// dialing is a connection being made, for the first of those who wait on a loop. Its
// goroutine reads it, and hands what it has made to arrive; all else is the loop's.
type dialing struct {
	pool *pool
	// came is the last wait that began before it: of those behind, its failure tells
	// nothing.
	came   uint64
	cancel context.CancelFunc
	// cancelled tells that nobody waits for it, and it is not in pool.dials.
	cancelled bool
}

// dial has a connection made beside the loop. A dial and a place have been taken from
// the budget: two loops could otherwise both find the last place free.
func (p *pool) dial() {
	p.up.open.Add(1)
	d := &dialing{pool: p, came: p.came}
	p.dials = append(p.dials, d)
	d.cancel = wire.Beside(p.loop, d.open, d.arrive, opened.close)
}

// giveUp cancels the youngest dial if there are more than wait. One that comes all the
// same is kept.
func (p *pool) giveUp() {
	if n := len(p.dials); n > len(p.queue) {
		d := p.dials[n-1]
		p.dials = p.dials[:n-1]
		d.cancelled = true
		d.cancel()
	}
}

// opened is what a goroutine beside the loop has made: a connection, or why there is
// none.
type opened struct {
	sock    *net.TCPConn
	secured *wire.Secured // nil: plain TCP
	err     error
}

func (o opened) close() {
	if o.sock != nil {
		_ = o.sock.Close()
	}
}

func (d *dialing) open(ctx context.Context) (o opened) {
	defer d.survive(&o.err)
	o.sock, o.secured, o.err = d.pool.up.connect(ctx)
	return o
}

// survive, deferred, makes a panic the failure of this dial: who waits for it must
// be told, and the others have nothing to do with it.
func (d *dialing) survive(err *error) {
	if recover() != nil {
		d.pool.loop.Survived()
		*err = edgeerr.Wrap(edgeerr.Internal, errPanic)
	}
}

var errPanic = errors.New("panic; the log has the stack")

// arrive runs on the loop. It takes the connection over for the first who waits, or
// for the pool; or tells one of those who wait that there is none.
func (d *dialing) arrive(o opened) {
	p, u, err := d.pool, d.pool.up, o.err
	if i := slices.Index(p.dials, d); i >= 0 {
		p.dials = slices.Delete(p.dials, i, i+1)
	}
	c := u.newConn(p.loop, nil)
	if err == nil {
		err = d.adopt(c, o.sock, o.secured) // closes the socket if it fails
	}
	if err != nil {
		u.open.Add(-1)
		u.budget.give(1, 1)
		if !d.cancelled {
			u.Stats.DialsFailed.Add(1)
			p.fail(d.came, err)
		}
	} else {
		u.Stats.Dials.Add(1)
		u.budget.give(1, 0)
		if len(p.queue) > 0 {
			c.owner = p.queue[0].owner
			p.settle(p.queue[0], c, nil)
		} else {
			c.Keep()
		}
	}
	p.tend()
}

// fail tells the last of those who waited already when a dial began that no connection
// could be made: it is his, and the dials of those before him are under way.
func (p *pool) fail(came uint64, err error) {
	for _, w := range slices.Backward(p.queue) {
		if w.turn <= came {
			p.settle(w, nil, err)
			return
		}
	}
}

// adopt has its own guard: arrive has to tell whoever waits, which would be for ever.
func (d *dialing) adopt(c *Conn, sock *net.TCPConn, secured *wire.Secured) (err error) {
	defer d.survive(&err)
	u := d.pool.up
	if c.Conn, err = d.pool.loop.Adopt(wire.SocketOf(sock), secured, c, u.Stall); err != nil {
		return u.explainAdopt(err)
	}
	c.BoundUnacked(u.Stall)
	return nil
}

// connect blocks, so it runs on a goroutine of its own. ctx ends both of its halves.
func (u *Upstream) connect(ctx context.Context) (*net.TCPConn, *wire.Secured, error) {
	tcp, err := u.openTCP(ctx)
	if err != nil {
		return nil, nil, err
	}
	if u.TLS == nil {
		return tcp, nil, nil
	}
	// Closing, not a deadline: Handshake sets its own, and could do so later.
	stop := context.AfterFunc(ctx, func() { _ = tcp.Close() })
	secured, err := wire.Handshake(tcp, tls.Client, u.TLS, u.TLSHandshake)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = tcp.Close()
		return nil, nil, u.explainTLS(err)
	}
	return tcp, secured, nil
}

func (u *Upstream) explain(err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case exhausted(err):
		return u.failed(edgeerr.EdgeOverloaded, lack(err), err)
	case errors.As(err, &dns):
		return u.failed(edgeerr.UpstreamUnresolved, "its host name has no address; check the url of the upstream and DNS", err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return u.failed(edgeerr.UpstreamConnectTimeout, "no TCP connection within timeouts.connect; check the network between the edge and the upstream", err)
	}
	return u.failed(edgeerr.UpstreamConnectFailed, "no TCP connection; check that it runs and that the network lets the edge through", err)
}

// explainAdopt tells a lack of descriptors from a fault of the edge: to take a socket
// over needs a second one for a moment.
func (u *Upstream) explainAdopt(err error) error {
	if exhausted(err) {
		return u.failed(edgeerr.EdgeOverloaded, lack(err), err)
	}
	return edgeerr.Wrap(edgeerr.Internal, err)
}

const (
	outOfFiles = "apim-edge has no file descriptor left for a connection; wait and repeat, or raise LimitNOFILE"
	outOfPorts = "apim-edge has no local port left for a connection; wait and repeat, keep more idle connections (max_idle), " +
		"widen net.ipv4.ip_local_port_range, or run more instances, each with an address of its own"
)

// lack says what this machine has nothing left of, where exhausted.
func lack(err error) string {
	if errors.Is(err, errNoPort) {
		return outOfPorts
	}
	return outOfFiles
}

// exhausted reports whether it is this machine that has nothing left, and not the
// upstream that is at fault.
func exhausted(err error) bool {
	return errors.Is(err, errNoPort) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

func (u *Upstream) explainTLS(err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return u.failed(edgeerr.UpstreamConnectTimeout, "the TLS handshake took longer than timeouts.tls_handshake", err)
	case errors.As(err, &unknown):
		return u.failed(edgeerr.UpstreamTLSFailed, "its certificate is signed by an authority that is not trusted here; set tls.ca_file", err)
	case errors.As(err, &name):
		return u.failed(edgeerr.UpstreamTLSFailed, "its certificate is for another name; check the url and tls.server_name", err)
	case errors.As(err, &invalid):
		return u.failed(edgeerr.UpstreamTLSFailed, "its certificate is not valid (expired, or not for servers)", err)
	}
	if alert, told := alertOf(err); told && refusals[alert] {
		return u.failed(edgeerr.UpstreamTLSFailed, fmt.Sprintf("it has refused the TLS handshake by the alert %q; "+
			"where it wants a client certificate, check tls.cert_file and tls.key_file", nameOf(alert)), err)
	}
	return u.failed(edgeerr.UpstreamTLSFailed, "the TLS handshake failed; check that the port speaks TLS, tls.ca_file and tls.cert_file", err)
}

// failed names the upstream. Whatever fails here fails before a byte of the request is
// sent, and the text says so.
func (u *Upstream) failed(code edgeerr.Code, text string, err error) error {
	return &edgeerr.Error{Code: code, Message: fmt.Sprintf("upstream %q: %s; nothing was sent", u.Name, text), Err: err}
}
