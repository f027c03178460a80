package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// exchange holds one request of which half has been sent: until the rest follows, the
// exchange is silent in both directions, on each leg to who reads the body. No model can
// be made silent on demand, so this is as near to a silent stream as can be had for
// nothing. What it cannot touch are timers that begin where a request is whole.
func (p *prober) exchange(ctx context.Context, f *facts, held *Idle) {
	body := &halves{first: "{", rest: "}", after: held.For, end: newEnd()}
	t := p.transport(p.tlsConfig(), p.target.proxy)
	t.DialContext = p.dialSilent(body.end)
	defer t.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, held.For+2*p.opt.Timeout)
	defer cancel()
	pl := f.streamPlace()
	req, err := p.build(ctx, request{method: pl.method, path: pl.path, body: body.first + body.rest, fields: f.winner})
	if err != nil {
		return
	}
	req.Body, req.ContentLength = body, int64(len(body.first+body.rest))
	resp, err := client(t).Do(req)
	if err == nil {
		held.Status = resp.StatusCode
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
		_ = resp.Body.Close()
	}
	held.Fate, held.Ended = body.fate(err, held.Status)
}

// halves is a body whose second half comes after some time, or never where the
// connection ends before.
type halves struct {
	first, rest string
	after       time.Duration
	end         *end // frees a Read, which net/http waits for

	mu       sync.Mutex
	silent   time.Time // since when
	cut      time.Time // when the connection was seen to end, while all was silent
	released bool
}

var errEnded = errors.New("the connection has ended")

func (h *halves) Read(b []byte) (int, error) {
	if h.first != "" {
		n := copy(b, h.first)
		h.first = h.first[n:]
		return n, nil
	}
	if h.wait() {
		n := copy(b, h.rest)
		h.rest = h.rest[n:]
		if h.rest == "" {
			return n, io.EOF
		}
		return n, nil
	}
	return 0, errEnded
}

// wait is silent, and reports whether the rest is to be sent.
func (h *halves) wait() bool {
	h.mu.Lock()
	if h.released {
		h.mu.Unlock()
		return true
	}
	h.silent = time.Now()
	h.mu.Unlock()
	var over bool
	timer := time.NewTimer(h.after)
	defer timer.Stop()
	select {
	case <-h.end.seen:
	case <-timer.C:
		over = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released = over; !over {
		h.cut = time.Now()
	}
	return over
}

// Close is called where nobody wants the rest.
func (h *halves) Close() error {
	h.end.tell()
	return nil
}

// fate tells what has become of the exchange, and where it ended in silence, after how
// long.
func (h *halves) fate(err error, status int) (Fate, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.silent.IsZero():
		return Untold, 0
	case h.released && status != 0 && err == nil:
		return Alive, 0
	case h.released:
		return Lost, 0
	case status != 0:
		return Answered, time.Since(h.silent)
	case !h.cut.IsZero():
		return Closed, h.cut.Sub(h.silent)
	}
	return Untold, 0
}

// end is the end of a connection, on either side.
type end struct {
	seen chan struct{}
	once sync.Once
}

func newEnd() *end { return &end{seen: make(chan struct{})} }

func (e *end) tell() { e.once.Do(func() { close(e.seen) }) }

// watched tells of the end of its connection.
type watched struct {
	net.Conn
	end *end
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil {
		w.end.tell()
	}
	return n, err
}

func (w *watched) Close() error {
	w.end.tell()
	return w.Conn.Close()
}

// dialSilent dials without TCP keep-alive, so that what is silent is silent on the wire.
func (p *prober) dialSilent(end *end) func(context.Context, string, string) (net.Conn, error) {
	d := net.Dialer{Timeout: p.opt.Timeout, KeepAlive: -1}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watched{conn, end}, nil
	}
}
