//go:build e2e

package faults

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// exchange is what a client did, and what it saw.
type exchange struct {
	nonce, method, work string
	path                string
	size                int
	upload              []byte
	chunked             bool   // how it is framed
	slot                string // where the credential stands
	request             []byte // all of it
	head                int    // length of the head in it

	sent     int    // bytes of it that were written
	left     string // how the client left: "", or one of ways
	status   int    // 0: no head came
	code     string // the edge's error
	complete bool
	cut      bool // an answer without its end
	got      int  // bytes of the body
	behind   bool // pipelined behind an answer that ended the connection
	last     bool // the answer ended the connection
	unread   bool // it was refused without being read
	refused  bool // no connection could be had
	end      error
}

// The ways in which a client leaves.
const (
	byFIN   = "FIN"
	byReset = "reset"
	byHalf  = "half-close"
)

// token is an unsigned JWS.
func token(nonce string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." + enc.EncodeToString([]byte(`{"sub":"`+nonce+`"}`)) + ".x"
}

// slots are the places of the credential: the field, or the query; what arrives
// at the upstream; and the reason in the access line.
var slots = map[string]struct{ field, query, arrives, reason string }{
	"bearer": {"Authorization: Bearer k-{N}\r\n", "", "k-{N}|| ", "bearer_key"},
	"target": {"api-key: k-{N}\r\n", "", "k-{N}|| ", "explicit_key"},
	"alias":  {"Ocp-Apim-Subscription-Key: k-{N}\r\n", "", "k-{N}|| ", "explicit_key"},
	"query":  {"", "?subscription-key=k-{N}", "k-{N}|| ", "explicit_key"},
	"token":  {"Authorization: Bearer {T}\r\n", "", "|Bearer {T}| ", "token"},
}

var slotNames = []string{"bearer", "bearer", "target", "alias", "query", "token"}

func (x *exchange) fill(text string) string {
	return strings.NewReplacer("{N}", x.nonce, "{T}", token(x.nonce)).Replace(text)
}

// build makes the request.
func (x *exchange) build() {
	slot := slots[x.slot]
	head := x.method + " " + x.path + slot.query + " HTTP/1.1\r\nHost: edge\r\nX-Request-Id: {N}\r\n" + slot.field +
		fmt.Sprintf("X-Work: %s %d\r\n", x.work, x.size)
	body := x.upload
	switch {
	case x.chunked:
		head += "Transfer-Encoding: chunked\r\n"
		at := len(body) / 3
		body = append(append(chunk(body[:at+1]), chunk(body[at+1:])...), "0\r\n\r\n"...)
	case x.method == "POST":
		head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	head = x.fill(head + "\r\n")
	x.head, x.request = len(head), append([]byte(head), body...)
}

// client sends one piece of work after the other, on connections of its own.
type client struct {
	*rand.Rand
	book   *book
	name   string
	number int
	n      int
	all    []*exchange

	conn net.Conn
	raw  *net.TCPConn
	in   *bufio.Reader
}

// newExchange is for some work that ends by itself.
func (c *client) newExchange() *exchange {
	works := []string{workFixed, workFixed, workChunked, workChunked, workStream, workHead, workNothing, workEarly}
	return c.exchangeOf(works[c.IntN(len(works))])
}

func (c *client) exchangeOf(work string) *exchange {
	c.n++
	x := &exchange{
		nonce: fmt.Sprintf("%s-%d", c.name, c.n), method: "POST", work: work, path: "/v1/work",
		slot: slotNames[c.IntN(len(slotNames))], size: c.IntN(c.IntN(20000) + 1),
	}
	if work == workHead {
		x.method = "HEAD"
	} else if c.IntN(3) == 0 {
		x.method = "GET"
	}
	x.chunked = x.method == "POST" && c.IntN(2) == 0
	if x.method == "POST" {
		x.upload = textOf(x.nonce, c.IntN(1<<c.IntN(17)))
	}
	x.build()
	c.all = append(c.all, x)
	return x
}

// run works until stop is closed.
func (c *client) run(stop <-chan struct{}) {
	defer c.hangUp()
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(c.IntN(150)) * time.Millisecond): // people think, too
		}
		if c.conn != nil && c.IntN(8) == 0 {
			c.hangUp()
		}
		switch c.IntN(20) {
		case 0, 1, 2:
			c.pipeline()
		case 3, 4, 5:
			c.leave()
		case 6:
			c.wait()
		case 7:
			c.preflight()
		default:
			c.ask(c.newExchange())
		}
	}
}

func (c *client) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// dial makes sure that there is a connection.
func (c *client) dial(x *exchange) bool {
	if c.conn != nil {
		return true
	}
	conn, err := dial(c.book.address, c.number)
	if err != nil {
		x.refused = true
		c.book.tell("refused")
		if !c.book.mayFail.Load() {
			c.book.fault("%s: no connection: %v", x.nonce, err)
		}
		return false
	}
	c.raw = conn
	c.conn = conn
	_ = conn.SetDeadline(time.Now().Add(2 * patience)) // a bound for a broken edge
	if c.book.secure != nil {
		c.conn = tls.Client(conn, c.book.secure)
	}
	c.in = bufio.NewReader(c.conn)
	return true
}

func (c *client) write(x *exchange, upTo int) {
	n, _ := c.conn.Write(x.request[x.sent:upTo]) // an error: the answer says why
	x.sent += n
}

// ask sends the request and reads the answer.
func (c *client) ask(x *exchange) {
	if !c.dial(x) {
		return
	}
	c.write(x, len(x.request))
	c.read(x)
	if x.last {
		c.hangUp()
	}
}

// pipeline sends some requests, each with a credential of its own, in one write.
func (c *client) pipeline() {
	var all []*exchange
	var text []byte
	for range 2 + c.IntN(3) {
		x := c.newExchange()
		all, text = append(all, x), append(text, x.request...)
	}
	if !c.dial(all[0]) {
		for _, x := range all[1:] {
			x.refused = true
		}
		return
	}
	_, _ = c.conn.Write(text)
	for i, x := range all {
		x.sent = len(x.request)
		c.read(x)
		if x.last {
			for _, y := range all[i+1:] {
				y.sent, y.behind = len(y.request), true
			}
			c.hangUp()
			return
		}
	}
}

// wait is for work that does not end: the edge must end it.
func (c *client) wait() {
	c.ask(c.exchangeOf([]string{workHold, workSilent}[c.IntN(2)]))
}

// preflight is answered by the edge itself, whatever the upstream does.
func (c *client) preflight() {
	x := c.exchangeOf(workNothing)
	x.method, x.upload = "OPTIONS", nil
	x.request = []byte(x.fill("OPTIONS /v1/work HTTP/1.1\r\nHost: edge\r\nX-Request-Id: {N}\r\nOrigin: " + page +
		"\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"))
	x.head = len(x.request)
	c.ask(x)
}

const page = "https://chat.example.com"

// patient is a path on which the edge waits for the upstream for ever: only a
// departure can end an exchange with one that is silent.
const patient = "/v1/patient"

// leave goes away at a random point of an exchange.
func (c *client) leave() {
	x := c.exchangeOf([]string{workFixed, workStream, workHold, workSilent}[c.IntN(4)])
	x.path = patient
	x.build()
	if !c.dial(x) {
		return
	}
	defer c.hangUp()
	way := []string{byFIN, byReset, byHalf}[c.IntN(3)]
	at := len(x.request)
	switch c.IntN(4) {
	case 0:
		at = 1 + c.IntN(x.head-1) // within the head
	case 1:
		at = x.head + c.IntN(at-x.head+1) // within the body
	}
	c.write(x, at)
	if at == len(x.request) {
		c.readSome()
	}
	x.left = way
	switch way {
	case byReset:
		_ = c.raw.SetLinger(0)
		_ = c.raw.Close()
	case byHalf:
		// With TLS, close_notify alone is no departure: FIN is.
		_ = c.conn.(interface{ CloseWrite() error }).CloseWrite()
		_ = c.raw.CloseWrite()
		if _, err := io.Copy(io.Discard, c.in); errors.Is(err, os.ErrDeadlineExceeded) {
			c.book.fault("%s: the edge goes on although its client has half-closed", x.nonce)
		}
	}
	c.book.tell("left")
}

// readSome waits for some of the answer, or not.
func (c *client) readSome() {
	if c.IntN(4) == 0 {
		return
	}
	_ = c.raw.SetReadDeadline(time.Now().Add(time.Duration(c.IntN(100)) * time.Millisecond))
	_, _ = c.in.Peek(1)
	_ = c.raw.SetReadDeadline(time.Now().Add(2 * patience))
}

// read reads the answer, and judges it.
func (c *client) read(x *exchange) {
	resp, err := c.readHead(x)
	if err != nil {
		x.last, x.end = true, err
		x.cut = !errors.Is(err, io.EOF)
		c.book.tell("nothing")
		if errors.Is(err, os.ErrDeadlineExceeded) || !c.book.mayFail.Load() {
			c.book.fault("%s (%s): no answer: %v", x.nonce, x.work, err)
		}
		return
	}
	x.status, x.code = resp.StatusCode, resp.Header.Get("X-Apim-Edge-Error")
	body, err := io.ReadAll(resp.Body)
	x.got, x.complete, x.cut = len(body), err == nil, err != nil
	x.last, x.end = resp.Close || x.cut, err
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.book.fault("%s (%s): an answer that never ends, %d bytes of it", x.nonce, x.work, len(body))
	case x.code != "":
		c.book.tell(x.code)
		c.judgeError(x, resp, body)
	case x.method == "OPTIONS":
		c.book.tell("preflight")
		if x.status != 204 || resp.Header.Get("Access-Control-Allow-Origin") != page {
			c.book.fault("%s: a preflight gets %s %v", x.nonce, resp.Status, resp.Header)
		}
	default:
		c.judge(x, resp, body)
	}
}

// readHead skips interim responses.
func (c *client) readHead(x *exchange) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(c.in, &http.Request{Method: x.method})
		if err != nil || resp.StatusCode >= 200 {
			return resp, err
		}
	}
}

// judge holds that the answer is the asker's, and whole or visibly cut.
func (c *client) judge(x *exchange, resp *http.Response, body []byte) {
	want := contentOf(x.nonce, x.work, x.size)
	if got := resp.Header.Get("X-Nonce"); got != x.nonce {
		c.book.fault("%s (%s) gets the answer of %q", x.nonce, x.work, got)
		return
	}
	uploaded := fmt.Sprintf("%d-%x", len(x.upload), sha256.Sum256(x.upload))
	if x.work == workEarly {
		uploaded = "early"
	}
	if got := resp.Header.Get("X-Body"); got != uploaded {
		c.book.fault("%s (%s): the body arrived as %s, want %s", x.nonce, x.work, got, uploaded)
	}
	switch {
	case !bytes.HasPrefix(want, body):
		c.book.fault("%s (%s): other bytes than the upstream's", x.nonce, x.work)
	case x.complete && (len(body) < len(want) || x.work == workHold):
		c.book.fault("%s (%s): %d of %d bytes look complete", x.nonce, x.work, len(body), len(want))
	case x.complete:
		c.book.tell("complete")
	default:
		c.book.tell("cut")
	}
}

// The errors that the faults of the upstream explain.
var expectedCodes = map[string]int{
	"upstream_connect_failed": 502, "upstream_closed_early": 502, "upstream_invalid_response": 502,
	"upstream_head_timeout": 504, "upstream_stalled": 504, "upstream_connect_timeout": 504, "upstream_tls_failed": 502,
}

// unreadText is in the refusal of a connection: its request is not read.
const unreadText = "limits.connections is reached"

// judgeError holds that the error is the asker's, and one that can be.
func (c *client) judgeError(x *exchange, resp *http.Response, body []byte) {
	codes := c.book.codes
	if codes == nil {
		codes = expectedCodes
	}
	x.unread = bytes.Contains(body, []byte(unreadText)) || x.method == "HEAD" && x.code == "edge_overloaded" && resp.Close
	switch {
	case resp.Header.Get("X-Request-Id") != x.nonce && !x.unread:
		c.book.fault("%s gets the error of %q", x.nonce, resp.Header.Get("X-Request-Id"))
	case codes[x.code] != x.status:
		c.book.fault("%s (%s): error %s with status %d, which nothing here explains: %s", x.nonce, x.work, x.code, x.status, body)
	case !x.complete || x.method != "HEAD" && !bytes.Contains(body, []byte(`"code":"`+x.code+`"`)):
		c.book.fault("%s: error %s with the body %q, complete %t", x.nonce, x.code, body, x.complete)
	case x.status == 503 && resp.Header.Get("Retry-After") == "":
		c.book.fault("%s: 503 %s without Retry-After", x.nonce, x.code)
	}
}
