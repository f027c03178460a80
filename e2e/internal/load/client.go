package load

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

const query = "api-version=2024-10-21"

// Patience ends what would hang. It decides nothing: an exchange that takes so
// long is a finding.
const Patience = 60 * time.Second

// IdleMost is how long a client keeps an idle connection: well below the time
// after which the edge closes it, so that the two never cross.
const IdleMost = ClientKeepAlive / 2

// conn is a client's connection to the edge.
type conn struct {
	*raw.Conn
	since time.Time // idle
}

// leave closes the connection. Behind a half-close, what still comes is read until
// the edge has closed as well, which it must.
func (c *conn) leave(how raw.Leaving) (fault error) {
	c.Leave(how)
	if how == raw.ByHalf {
		_ = c.SetReadDeadline(time.Now().Add(Patience))
		if _, err := io.Copy(io.Discard, c.In); isTimeout(err) {
			fault = fmt.Errorf("the edge goes on although its client has half-closed")
		}
	}
	_ = c.TCP().Close()
	return fault
}

// pool holds idle connections of clients.
type pool struct {
	load   *Load
	number int // of the client; 0: many

	dialled atomic.Int64

	mu   sync.Mutex
	idle []*conn
}

// dial opens a connection. buffer is the room for what nobody reads; 0: the usual.
func (p *pool) dial(buffer int) (*conn, error) {
	c, err := raw.Dial(p.load.Address, raw.Dialer{TLS: p.load.TLS, Within: 10 * time.Second, Client: p.next(), Buffer: buffer})
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, c.SetDeadline(time.Now().Add(Patience))
}

// next is the number of the client that connects.
func (p *pool) next() int {
	if p.number > 0 {
		return p.number
	}
	return 1 + int(p.dialled.Add(1)%200)
}

// get takes the connection that was used last, or opens one.
func (p *pool) get() (*conn, error) {
	p.mu.Lock()
	for n := len(p.idle); n > 0; n = len(p.idle) {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if time.Since(c.since) < IdleMost && !(p.load.Careful && c.ended()) {
			p.mu.Unlock()
			return c, c.SetDeadline(time.Now().Add(Patience))
		}
		_ = c.Close()
	}
	p.mu.Unlock()
	return p.dial(0)
}

// ended reports whether the other side has ended the connection, or has said something
// that nobody has asked for.
func (c *conn) ended() bool {
	socket, err := c.TCP().SyscallConn()
	if err == nil {
		wrong := socket.Read(func(fd uintptr) bool {
			_, _, err = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			return true
		})
		err = cmp.Or(wrong, err)
	}
	return !errors.Is(err, syscall.EAGAIN)
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
func (x *Exchange) head() string {
	var h strings.Builder
	target := x.leg.target()
	if x.place == "query" {
		target += "&subscription-key=" + x.secret
	}
	fmt.Fprintf(&h, "%s %s HTTP/1.1\r\nHost: edge\r\nX-Request-Id: %s\r\n", x.method(), target, x.id)
	if x.Kind == "preflight" {
		return h.String() + "Origin: " + Origin + "\r\nAccess-Control-Request-Method: POST\r\n" +
			"Access-Control-Request-Headers: api-key,authorization,content-type\r\n\r\n"
	}
	part, _ := json.Marshal(&x.Part)
	fmt.Fprintf(&h, "X-Nonce: %s\r\nX-Part: %s\r\nUser-Agent: OpenAI/Python 2.33.0\r\nAccept: application/json\r\n", x.id, part)
	h.WriteString("X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 2.33.0\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Retry-Count: 0\r\n")
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
	case x.Tunnel:
		h.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c29hay1zb2FrLXNvYWstcw==\r\n")
	case x.Upload > 0 && x.chunked:
		h.WriteString("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
	case x.Upload > 0:
		fmt.Fprintf(&h, "Content-Type: application/json\r\nContent-Length: %d\r\n", x.Upload)
	}
	if x.expect {
		h.WriteString("Expect: 100-continue\r\n")
	}
	return h.String() + "\r\n"
}

// send writes the request, or as much of it as its client sends before it leaves.
// begun: at least something of it.
func (c *conn) send(x *Exchange) (begun bool, err error) {
	head, upload := x.head(), x.Upload
	if x.inHead > 0 {
		n, err := io.WriteString(c, head[:1+int(x.inHead*float64(len(head)-2))])
		return n > 0, err
	}
	if x.inUpload > 0 {
		upload = int64(x.inUpload * float64(upload))
	}
	out := bufio.NewWriterSize(c, 32<<10)
	_, _ = out.WriteString(head)
	if x.expect {
		if err := out.Flush(); err != nil {
			return false, err
		}
		// A final answer in its place is for receive: the body goes out in any case.
		_, _ = c.In.Peek(1)
	}
	if err := writeUpload(out, x, upload); err != nil {
		return true, err
	}
	return true, out.Flush()
}

func writeUpload(out io.Writer, x *Exchange, length int64) error {
	body := out
	if x.chunked {
		body = httputil.NewChunkedWriter(out)
	}
	if _, err := io.CopyBuffer(body, io.LimitReader(x.sent(), length), make([]byte, 8<<10)); err != nil {
		return err
	}
	if x.chunked && length == x.Upload && length > 0 {
		_ = body.(io.Closer).Close() // writes into out
		_, err := io.WriteString(out, "\r\n")
		return err
	}
	return nil
}

// receive reads the answer to an exchange. again: another may follow on the connection.
func (c *conn) receive(x *Exchange) (o outcome, again bool) {
	resp, err := c.final(x)
	if err != nil {
		return outcome{err: err}, false
	}
	o = outcome{status: resp.StatusCode, code: resp.Header.Get("X-Apim-Edge-Error"), id: resp.Header.Get("X-Nonce")}
	if o.code != "" {
		return c.receiveError(x, resp, o)
	}
	if o.status/100 == 5 && o.id == "" { // it is of who stands in front of the edge, and so is the body
		return o, false
	}
	if x.Kind == "preflight" {
		o.word, o.id = "preflight", x.id
		if o.status != http.StatusNoContent || resp.Header.Get("Access-Control-Allow-Origin") != Origin {
			o.deviation = fmt.Errorf("a preflight gets status %d, fields %v", o.status, resp.Header)
		}
		return o, !resp.Close
	}
	if x.pause > 0 && x.leave == "" {
		time.Sleep(x.pause)
	}
	o = x.readBody(resp, o)
	return o, o.err == nil && !resp.Close
}

// readBody reads to the end and compares each byte.
func (x *Exchange) readBody(resp *http.Response, o outcome) outcome {
	want, buffer := x.want(), make([]byte, 32<<10)
	var err error
	for err == nil && o.deviation == nil {
		var n int
		n, err = resp.Body.Read(buffer)
		if x.Gated && o.bytes == 0 && n > 0 {
			x.crowd.saw("live")
		}
		o.bytes += int64(n)
		o.deviation = compare(want, buffer[:n])
	}
	if err != io.EOF {
		o.err = err
		return o
	}
	if isRefusal(o.status) {
		return o // it has no body
	}
	if rest, _ := io.CopyN(io.Discard, want, 1); rest > 0 && o.deviation == nil && (x.Fate == Good || x.Fate == Slow || x.Fate == Endless) {
		o.deviation = fmt.Errorf("%d bytes look like the whole answer", o.bytes)
	}
	return o
}

// unreadText is in the refusal of a connection: its request is not read.
const unreadText = "limits.connections is reached"

// receiveError reads an error of the edge's own, which tells whose it is.
func (c *conn) receiveError(x *Exchange, resp *http.Response, o outcome) (outcome, bool) {
	o.id = resp.Header.Get("X-Request-Id")
	body, err := io.ReadAll(resp.Body)
	o.bytes = int64(len(body))
	if o.unread = strings.Contains(string(body), unreadText) || x.method() == "HEAD" && o.code == "edge_overloaded" && resp.Close; o.unread {
		o.id = x.id // the edge has made one
	}
	code := errorCodes[o.code]
	retry := map[edgeerr.Retry]string{edgeerr.RetryYes: "true", edgeerr.RetryNo: "false"}[code.Retry(x.method() != "POST" && x.method() != "PATCH")]
	switch {
	case err != nil, x.method() != "HEAD" && !strings.Contains(string(body), `"code":"`+o.code+`"`):
		o.deviation = fmt.Errorf("error %s with the body %q, then %v", o.code, body, err)
	case o.status != code.Status():
		o.deviation = fmt.Errorf("error %s has status %d", o.code, o.status)
	case resp.Header.Get("X-Should-Retry") != retry, code.RetryAfter() > 0 && resp.Header.Get("Retry-After") == "":
		o.deviation = fmt.Errorf("error %s tells its client %v, which shall retry: %q", o.code, resp.Header, retry)
	}
	return o, err == nil && !resp.Close
}

// final reads heads up to that of the final answer.
func (c *conn) final(x *Exchange) (*http.Response, error) {
	request := &http.Request{Method: x.method()}
	for {
		resp, err := http.ReadResponse(c.In, request)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == 101 {
			return resp, err
		}
	}
}

// readFor reads what comes until the deadline of the connection, which must be right.
func (c *conn) readFor(x *Exchange) (o outcome) {
	resp, err := c.final(x)
	if err != nil {
		return o
	}
	if resp.Header.Get("X-Apim-Edge-Error") != "" {
		return o // upstream is in trouble, or the edge has no room
	}
	o.status = resp.StatusCode
	return x.readBody(resp, o)
}
