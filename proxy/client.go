package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Client is one client's connection.
type Client struct {
	*wire.Conn
	edge    *Edge
	number  int       // spreads clients over the shards of pools
	in      *wire.Buf // bytes read and not yet consumed; nil if there are none
	address netip.Addr
	tls     bool
	headEnd int // length of the head at the start of in
	idle    atomic.Bool
}

// NewClient makes conn a client's connection. number is different for each.
func (e *Edge) NewClient(conn *wire.Conn, number int) *Client {
	c := &Client{Conn: conn, edge: e, number: number, tls: !conn.Plain()}
	if a, ok := conn.TCP().RemoteAddr().(*net.TCPAddr); ok {
		c.address = a.AddrPort().Addr().Unmap()
	}
	return c
}

// Serve runs the exchanges of the connection, one after the other, and closes it.
func (c *Client) Serve() {
	first := true
	for c.next(first) {
		x := begin(c)
		if !x.finish(x.attempt()) {
			break
		}
		first = false
	}
	c.in.Release()
	c.Close()
}

// next waits for the first byte of a request. Until it comes the connection
// holds no buffer.
func (c *Client) next(first bool) bool {
	if c.in.Len() > 0 {
		return true
	}
	t := c.edge.snapshot.Load().config.Timeouts
	wait := t.ClientKeepAlive.Duration
	if first {
		wait = t.ClientHead.Duration
	}
	c.idle.Store(true)
	if c.edge.draining.Load() {
		return false
	}
	in, err := c.Fill(nil, wait)
	c.idle.Store(false)
	if err != nil {
		return false
	}
	if c.edge.draining.Load() {
		c.Calm() // Rouse may have come together with the bytes
	}
	c.in = in
	return true
}

// CloseIfIdle ends the connection if it waits for a request.
func (c *Client) CloseIfIdle() {
	if c.idle.Load() {
		c.Rouse()
	}
}

// readHead reads on until the head is complete, and parses it.
func (x *Exchange) readHead() error {
	c := x.client
	conf := &x.edge.snapshot.Load().config
	limit := int(conf.Limits.Head.Bytes)
	for {
		skipBlankLines(c.in)
		if n := headEnd(c.in.Bytes()); n > 0 && n <= limit {
			c.headEnd = n
			err := x.req.parse(c.in.Bytes()[:n])
			if err != nil {
				x.noteRefused()
			}
			return err
		}
		if err := checkPrefix(c.in.Bytes()); err != nil {
			return err
		}
		if !c.in.MakeRoom(limit) {
			return tooLarge(c.in.Bytes())
		}
		wait := conf.Timeouts.ClientHead.Duration
		if wait -= time.Since(x.start); wait <= 0 {
			return edgeerr.New(edgeerr.RequestTimeout, "the request head did not arrive within timeouts.client_head")
		}
		in, err := c.Fill(c.in, wait)
		if c.in = in; err != nil {
			return headError(err)
		}
	}
}

func headError(err error) error {
	switch {
	case errors.Is(err, wire.ErrTimeout):
		return edgeerr.New(edgeerr.RequestTimeout, "the request head did not arrive within timeouts.client_head")
	case errors.Is(err, io.EOF):
		return edgeerr.Wrap(edgeerr.ClientLeft, errHeadEndsEarly)
	}
	return edgeerr.Wrap(edgeerr.ClientLeft, err)
}

var errHeadEndsEarly = errors.New("the client ended the request head early")

// skipBlankLines drops the empty lines that some clients send behind a body
// (RFC 9112 section 2.2).
func skipBlankLines(b *wire.Buf) {
	for i := 0; i < tooManyBlankLines && b.Len() > 1; i++ {
		if p := b.Bytes(); p[0] != '\r' || p[1] != '\n' {
			return
		}
		b.Consume(2)
	}
}

func tooLarge(p []byte) error {
	for _, c := range p {
		if c == '\n' {
			return edgeerr.New(edgeerr.HeadTooLarge, "")
		}
	}
	return edgeerr.New(edgeerr.URITooLong, "")
}

// consumeHead drops the head from the buffer; the notes and the upstream have
// what they need of it.
func (c *Client) consumeHead() {
	c.in.Consume(c.headEnd)
	c.headEnd = 0
	c.restoreBuf(c.in)
}

// Refuse answers the first request of a connection beyond limits.connections,
// and closes it. Clients that say nothing are closed after the head timeout.
func (c *Client) Refuse() {
	defer c.Close()
	if !c.next(true) {
		return
	}
	x := begin(c)
	err := x.readHead()
	if err == nil {
		x.note()
		err = edgeerr.New(edgeerr.EdgeOverloaded, "limits.connections is reached; wait and repeat, or raise it")
	}
	x.lastConn = true
	x.finish(err)
	c.in.Release()
}
