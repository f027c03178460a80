package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"syscall"
	"time"
)

const query = "api-version=2024-10-21"

func path(leg string) string { return "/" + leg + "/openai/deployments/gpt-4o/chat/completions" }

// patience ends what would hang. It decides nothing: an exchange that takes so
// long is a finding.
const patience = 40 * time.Second

// idleMost is how long a client keeps an idle connection: well below the time
// after which the edge closes it, so that the two never cross.
const idleMost = clientKeepAlive / 2

// conn is a client's connection to the edge.
type conn struct {
	net.Conn
	tcp   *net.TCPConn
	in    *bufio.Reader
	since time.Time // idle
}

// leave closes the connection in one of the ways of clients.
func (c *conn) leave(how leaving) {
	switch how {
	case byRST:
		_ = c.tcp.SetLinger(0)
	case byHalfClose:
		// What still comes is read until the edge has closed as well.
		_ = c.tcp.CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(cancelWithin))
		_, _ = io.Copy(io.Discard, c.tcp)
	}
	_ = c.tcp.Close()
}

// pool holds the idle connections of all clients.
type pool struct {
	address string
	tls     *tls.Config

	mu   sync.Mutex
	idle []*conn
}

// dial opens a connection.
func (p *pool) dial() (*conn, error) { return p.dialWith(net.Dialer{}) }

// dialNarrow opens one whose socket takes little of what nobody reads. That is
// set from the beginning: the kernel goes on at a crawl after a large window
// was made small.
func (p *pool) dialNarrow() (*conn, error) {
	return p.dialWith(net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 128<<10)
		})
	}})
}

func (p *pool) dialWith(d net.Dialer) (*conn, error) {
	d.Timeout = 10 * time.Second
	tcp, err := d.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: tcp, tcp: tcp.(*net.TCPConn)}
	if p.tls != nil {
		c.Conn = tls.Client(tcp, p.tls)
	}
	c.in = bufio.NewReaderSize(c.Conn, 16<<10)
	return c, c.SetDeadline(time.Now().Add(patience))
}

// get takes the connection that was used last, or opens one.
func (p *pool) get() (*conn, error) {
	p.mu.Lock()
	for n := len(p.idle); n > 0; n = len(p.idle) {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if time.Since(c.since) < idleMost {
			p.mu.Unlock()
			return c, c.SetDeadline(time.Now().Add(patience))
		}
		_ = c.Close()
	}
	p.mu.Unlock()
	return p.dial()
}

// put keeps a connection for the next exchange.
func (p *pool) put(c *conn) {
	c.since = time.Now()
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
}

// tidy closes connections that have been idle for longer than least.
func (p *pool) tidy(least time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].since) >= least {
		_ = p.idle[n].Close()
		n++
	}
	p.idle = p.idle[n:]
}

// head is the head of the request of an exchange.
func (x *exchange) head() string {
	method, target := "GET", path(x.leg)+"?"+query
	if x.upload > 0 {
		method = "POST"
	}
	if x.place == "query" {
		target += "&subscription-key=" + x.secret
	}
	var h strings.Builder
	fmt.Fprintf(&h, "%s %s HTTP/1.1\r\nHost: edge\r\nUser-Agent: OpenAI/Python 2.33.0\r\nAccept: application/json\r\n", method, target)
	h.WriteString("X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 2.33.0\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Retry-Count: 0\r\n")
	fmt.Fprintf(&h, "X-Request-Id: %s\r\nX-Soak: %s\r\n", x.id, x.id)
	switch x.place {
	case "bearer", "token":
		fmt.Fprintf(&h, "Authorization: Bearer %s\r\n", x.secret)
	case "api-key", "misplaced-token":
		fmt.Fprintf(&h, "api-key: %s\r\n", x.secret)
	case "both":
		fmt.Fprintf(&h, "Authorization: Bearer %s\r\napi-key: %s\r\n", x.secret, x.secret)
	case "alias":
		fmt.Fprintf(&h, "Ocp-Apim-Subscription-Key: %s\r\n", x.secret)
	}
	if x.lonely {
		h.WriteString("Connection: close\r\n")
	}
	switch {
	case x.kind == "tunnel":
		h.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c29hay1zb2FrLXNvYWstcw==\r\n")
	case x.upload > 0 && x.chunked:
		h.WriteString("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
	case x.upload > 0:
		fmt.Fprintf(&h, "Content-Type: application/json\r\nContent-Length: %d\r\n", x.upload)
	}
	if x.expect {
		h.WriteString("Expect: 100-continue\r\n")
	}
	return h.String() + "\r\n"
}

// send writes the request; of the body only so many bytes.
func (c *conn) send(x *exchange, bytes int64) error {
	out := bufio.NewWriterSize(c, 32<<10)
	_, _ = out.WriteString(x.head())
	if x.expect {
		if err := out.Flush(); err != nil {
			return err
		}
		// A final answer in its place is for receive: the body goes out in any case.
		_, _ = c.in.Peek(1)
	}
	var body io.Writer = out
	if x.chunked {
		body = httputil.NewChunkedWriter(out)
	}
	if _, err := io.CopyBuffer(body, io.LimitReader(x.sent(), bytes), make([]byte, 8<<10)); err != nil {
		return err
	}
	if x.chunked && bytes == x.upload && bytes > 0 {
		_ = body.(io.Closer).Close() // writes into out
		_, _ = out.WriteString("\r\n")
	}
	return out.Flush()
}

// receive reads the answer to an exchange. again: another may follow on the connection.
func (c *conn) receive(x *exchange) (o outcome, again bool) {
	resp, err := c.final(x)
	if err != nil {
		return outcome{err: err}, false
	}
	o = outcome{status: resp.StatusCode, code: resp.Header.Get("X-Apim-Edge-Error"), id: resp.Header.Get("X-Soak")}
	want := x.want()
	if o.code != "" {
		o.id = resp.Header.Get("X-Request-Id")
		_, o.err = io.Copy(io.Discard, resp.Body)
		return o, o.err == nil && !resp.Close
	}
	if x.pause > 0 {
		time.Sleep(x.pause)
	}
	buffer := make([]byte, 32<<10)
	for err == nil && o.deviation == nil {
		var n int
		n, err = resp.Body.Read(buffer)
		o.bytes += int64(n)
		o.deviation = compare(want, buffer[:n])
	}
	if err != io.EOF {
		o.err = err
		return o, false
	}
	if rest, _ := io.CopyN(io.Discard, want, 1); rest > 0 && o.deviation == nil {
		if p := x.plan; p.fate == good || p.fate == slow {
			o.deviation = fmt.Errorf("%d bytes look like the whole answer", o.bytes)
		}
	}
	return o, !resp.Close
}

// final reads heads up to that of the final answer.
func (c *conn) final(x *exchange) (*http.Response, error) {
	request := &http.Request{Method: "GET"}
	if x.kind == "preflight" {
		request.Method = "OPTIONS"
	}
	for {
		resp, err := http.ReadResponse(c.in, request)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == 101 {
			return resp, err
		}
	}
}

// isTimeout tells an end that this side has made.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
