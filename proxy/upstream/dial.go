package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// A Dialing is a connection on its way, for an exchange that waits for it. Its
// goroutine reads what Dial has set, and hands what it has made to arrive; all else
// belongs to the loop.
type Dialing struct {
	up     *Upstream
	loop   *wire.Loop
	owner  Owner // nil: the exchange has ended meanwhile
	cancel context.CancelFunc
	full   bool // max_connections is reached: an idle one has to go first
	// conn and err are set once, along with done: one of them, or neither where nobody
	// waits any more. Who takes conn forgets the Dialing: Cancel would put the same
	// connection into the pool.
	conn *Conn
	err  error
	done bool
}

// Dial opens a connection for owner, beside the loop, and wakes owner when it is
// there or has failed. An error is an *edgeerr.Error, and nothing has been sent. The
// connection is counted in before it exists: two loops could otherwise both find the
// last place free.
func (u *Upstream) Dial(l *wire.Loop, owner Owner) (*Dialing, error) {
	full := u.open.Add(1) > int64(u.MaxConnections) && u.MaxConnections > 0
	if full && u.idle.Load() == 0 { // nobody could give way
		u.open.Add(-1)
		return nil, edgeerr.New(edgeerr.UpstreamUnavailable, "")
	}
	d := &Dialing{up: u, loop: l, owner: owner, full: full}
	d.cancel = wire.Beside(l, d.open, d.arrive, opened.close)
	return d, nil
}

// Result returns the connection, or why there is none. done is false while it is
// on its way.
func (d *Dialing) Result() (c *Conn, err error, done bool) { //nolint:revive // done says whether the others mean anything
	return d.conn, d.err, d.done
}

// Cancel gives the connection up. One that comes all the same goes into the pool: the
// handshake has been paid for.
func (d *Dialing) Cancel() {
	d.owner = nil
	d.cancel()
	if d.conn != nil { // nobody has asked for it
		d.conn.Keep()
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

func (d *Dialing) open(ctx context.Context) (o opened) {
	defer d.survive(&o.err)
	if d.full && !d.up.makeRoom() {
		o.err = edgeerr.New(edgeerr.UpstreamUnavailable, "")
		return o
	}
	o.sock, o.secured, o.err = d.up.connect(ctx)
	return o
}

// survive, deferred, makes a panic the failure of this dial: who waits for it must
// be told, and the others have nothing to do with it.
func (d *Dialing) survive(err *error) {
	if recover() != nil {
		d.loop.Survived()
		*err = edgeerr.Wrap(edgeerr.Internal, errPanic)
	}
}

var errPanic = errors.New("panic; the log has the stack")

// makeRoom closes the connection that has been idle for longest on one of the
// loops: what one keeps must not starve the others. It waits for each loop, so that it
// must not run on one.
func (u *Upstream) makeRoom() (made bool) {
	for _, l := range u.loops {
		l.Do(func() { made = u.pools[l].giveWay() })
		if made {
			return true
		}
	}
	return false
}

// arrive runs on the loop. It takes the connection over, or counts it out, also where
// the exchange that wanted it has ended: whose departure is no failed dial.
func (d *Dialing) arrive(o opened) {
	u, err := d.up, o.err
	c := u.newConn(d.loop, d.owner)
	if err == nil {
		err = d.adopt(c, o.sock, o.secured) // closes the socket if it fails
	}
	d.done, d.err = true, err
	switch {
	case err != nil:
		u.open.Add(-1)
		if d.owner != nil {
			u.Stats.DialsFailed.Add(1)
		}
	case d.owner == nil:
		u.Stats.Dials.Add(1)
		c.Keep()
	default:
		u.Stats.Dials.Add(1)
		d.conn = c
	}
	if d.owner != nil {
		d.owner.WakeUpstream()
	}
}

// adopt has its own guard: arrive has to tell the owner, which would wait for ever.
func (d *Dialing) adopt(c *Conn, sock *net.TCPConn, secured *wire.Secured) (err error) {
	defer d.survive(&err)
	if c.Conn, err = d.loop.Adopt(wire.SocketOf(sock), secured, c, d.up.Stall); err != nil {
		return d.up.explainAdopt(err)
	}
	c.BoundUnacked(d.up.Stall)
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
