package upstream

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// A Proxy is the way to an upstream through an HTTP proxy, by CONNECT (RFC 9110
// section 9.3.6). It prints as its address: its credentials are a closure, because
// whatever prints values walks into fields.
type Proxy struct {
	Address       string // host:port
	authorization func() string
}

// NewProxy returns the proxy at address. user is nil where it asks for none.
func NewProxy(address string, user *url.Userinfo) *Proxy {
	p := &Proxy{Address: address}
	if user != nil {
		password, _ := user.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		p.authorization = func() string { return "Proxy-Authorization: Basic " + basic + "\r\n" }
	}
	return p
}

func (p *Proxy) String() string { return p.Address }

// A proxyRefusal is the answer of a proxy that does not connect.
type proxyRefusal struct {
	status int
	asks   string // the schemes of Proxy-Authenticate
}

func (r *proxyRefusal) Error() string {
	if r.asks != "" {
		return fmt.Sprintf("the proxy answered %d and asks for %s", r.status, r.asks)
	}
	return fmt.Sprintf("the proxy answered %d", r.status)
}

// What else can come in place of a connection.
var (
	errProxyNoHTTP = errors.New("the answer of the proxy is no HTTP/1 head of 16 KiB at most")
	errProxyExcess = errors.New("the proxy sent bytes behind its answer")
)

// through opens a connection to the upstream through its proxy; ctx bounds all of it.
func (u *Upstream) through(ctx context.Context, p *Proxy) (*net.TCPConn, error) {
	c, err := u.reach(ctx, p.Address)
	if err != nil {
		return nil, u.explainProxy(p, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	err = p.connect(c, u.Address)
	if !stop() && ctx.Err() != nil {
		err = ctx.Err() // why it was closed
	}
	if err != nil {
		_ = c.Close()
		return nil, u.explainProxy(p, err)
	}
	return c, nil
}

// connect has the proxy connect c to address.
func (p *Proxy) connect(c net.Conn, address string) error {
	head := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if p.authorization != nil {
		head += p.authorization()
	}
	if _, err := c.Write([]byte(head + "\r\n")); err != nil {
		return err
	}
	const most = 16 << 10
	in := make([]byte, 0, most)
	for {
		n, err := c.Read(in[len(in):cap(in)])
		in = in[:len(in)+n]
		for {
			end := bytes.Index(in, []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			status, err := readRefusal(in[:end])
			if err != nil || status.status/100 != 1 {
				return status.verdict(err, len(in)-end-4)
			}
			in = append(in[:0], in[end+4:]...) // an interim one
		}
		switch {
		case err != nil:
			return err
		case len(in) == cap(in), len(in) >= 5 && !bytes.HasPrefix(in, []byte("HTTP/")):
			return errProxyNoHTTP
		}
	}
}

// verdict returns what the final answer means, with so many bytes behind it: nobody
// has anything to say before the edge does.
func (r *proxyRefusal) verdict(err error, behind int) error {
	switch {
	case err != nil:
		return err
	case r.status/100 != 2:
		return r
	case behind > 0:
		return errProxyExcess
	}
	return nil
}

func readRefusal(head []byte) (*proxyRefusal, error) {
	lines := strings.Split(string(head), "\r\n")
	version, rest, _ := strings.Cut(lines[0], " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if !strings.HasPrefix(version, "HTTP/1.") || err != nil || len(code) != 3 || status < 100 {
		return nil, errProxyNoHTTP
	}
	r := &proxyRefusal{status: status}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		scheme, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if strings.EqualFold(name, "Proxy-Authenticate") && isWord(scheme) {
			r.asks = strings.TrimPrefix(r.asks+", "+scheme, ", ")
		}
	}
	return r, nil
}

// isWord reports whether a scheme can stand in a message.
func isWord(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// explainProxy says what is wrong in the words of whoever has set the proxy.
func (u *Upstream) explainProxy(p *Proxy, err error) error {
	var dns *net.DNSError
	var timeout net.Error
	var refusal *proxyRefusal
	code, text := edgeerr.UpstreamConnectFailed, "has closed the connection without an answer; check that this is the port of an HTTP proxy"
	switch {
	case exhausted(err):
		return u.failed(edgeerr.EdgeOverloaded, lack(err), err)
	case errors.As(err, &refusal):
		code, text = refusal.explain(u.Address)
	case errors.As(err, &dns):
		code, text = edgeerr.UpstreamUnresolved, "has no address; check the name, and DNS"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		code, text = edgeerr.UpstreamConnectTimeout, "gave no connection to "+u.Address+" within timeouts.connect"
	case errors.Is(err, errProxyNoHTTP), errors.Is(err, errProxyExcess):
		text = "does not speak as an HTTP proxy does; check its port"
	case isDial(err):
		text = "takes no connection; check that it runs and that the network lets the edge through"
	}
	return u.failed(code, fmt.Sprintf("its proxy %s %s (upstreams.%s.proxy, or HTTPS_PROXY)", p.Address, text, u.Name), err)
}

func (r *proxyRefusal) explain(address string) (code edgeerr.Code, text string) {
	text = fmt.Sprintf("answered %d", r.status)
	switch r.status {
	case 407:
		text += " and wants a user name and password, or others; set them in its URL, http://user:password@host:port"
		if r.asks != "" {
			text += " (it asks for " + r.asks + "; apim-edge speaks Basic)"
		}
	case 504:
		return edgeerr.UpstreamConnectTimeout, text + ": it did not reach " + address + " in time"
	case 502, 503:
		text += ": it does not reach " + address
	default:
		text += ": it does not let apim-edge through to " + address + "; have it allow CONNECT there"
	}
	return edgeerr.UpstreamConnectFailed, text
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
