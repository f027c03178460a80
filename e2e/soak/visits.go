package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"
)

// pipeline sends two requests at once, with two keys.
func (l *load) pipeline(x *exchange) {
	p := x.plan
	p.place = "bearer"
	second := l.begin(p, x.start)
	c, err := l.pool.dial()
	if err != nil {
		l.refused(x, err)
		l.refused(second, err)
		return
	}
	defer c.Close()
	if _, err := io.WriteString(c, x.head()+second.head()); err != nil {
		l.refused(x, err)
		l.refused(second, err)
		return
	}
	o, again := c.receive(x)
	l.judge(x, o)
	if again {
		o, _ = c.receive(second)
		l.judge(second, o)
		return
	}
	// The first answer was the last of its connection; the second request may be
	// sent again elsewhere, which is what a client does.
	l.end(second, "not answered", false)
}

// preflight is answered by the edge; upstream must not see it.
func (l *load) preflight(x *exchange) {
	c, err := l.pool.get()
	if err != nil {
		l.refused(x, err)
		return
	}
	_, err = fmt.Fprintf(c, "OPTIONS %s HTTP/1.1\r\nHost: edge\r\nOrigin: %s\r\nX-Request-Id: %s\r\n"+
		"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: api-key,authorization,content-type\r\n\r\n", path(x.leg), origin, x.id)
	var resp *http.Response
	if err == nil {
		resp, err = c.final(x)
	}
	switch {
	case err != nil:
		l.finding(x, "no answer: %v", err)
	case resp.Header.Get("Access-Control-Allow-Origin") != origin || resp.StatusCode != http.StatusNoContent:
		l.finding(x, "status %d, fields %v", resp.StatusCode, resp.Header)
	default:
		l.end(x, "preflight", true)
		l.pool.put(c)
		return
	}
	l.end(x, "wrong", resp != nil)
	_ = c.Close()
}

// tunnel talks through a WebSocket whose other end says everything again.
func (l *load) tunnel(x *exchange) {
	c, err := l.pool.dial()
	if err != nil {
		l.refused(x, err)
		return
	}
	defer c.Close()
	if err := c.send(x, 0); err != nil {
		l.refused(x, err)
		return
	}
	resp, err := c.final(x)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		o := outcome{err: err}
		if err == nil {
			o = outcome{status: resp.StatusCode, code: resp.Header.Get("X-Apim-Edge-Error"), id: resp.Header.Get("X-Request-Id")}
		}
		l.judge(x, o)
		return
	}
	o := outcome{status: resp.StatusCode, id: x.id}
	for n := range x.size {
		message := make([]byte, 1+scramble(x.seq+uint64(n))%3000)
		_, _ = (&pattern{seed: x.seq << 32, size: int64(len(message))}).Read(message)
		if _, o.err = c.Write(message); o.err != nil {
			break
		}
		echo := make([]byte, len(message))
		if _, o.err = io.ReadFull(c.in, echo); o.err != nil {
			break
		}
		if !bytes.Equal(echo, message) {
			o.deviation = fmt.Errorf("message %d of a tunnel comes back altered", n)
			break
		}
		time.Sleep(x.gap)
	}
	x.leaves()
	_ = c.Close()
	l.judge(x, o)
}

// silent connects and says nothing. The edge may end it when it keeps no idle
// connection any longer, and must not say anything either.
func (l *load) silent(x *exchange) {
	defer l.end(x, "closed", false)
	c, err := l.pool.dial()
	if err != nil {
		l.finding(x, "no connection to the edge: %v", err)
		return
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(x.pause))
	if n, err := c.tcp.Read(make([]byte, 100)); n > 0 {
		l.finding(x, "the edge says something by itself: %v", err)
	}
}

// halfHead sends a part of a head and waits, or leaves first.
func (l *load) halfHead(x *exchange) {
	c, err := l.pool.dial()
	if err != nil {
		l.refused(x, err)
		return
	}
	defer c.Close()
	head := x.head()
	_, _ = io.WriteString(c, head[:len(head)-3])
	_ = c.SetReadDeadline(time.Now().Add(x.pause))
	resp, err := http.ReadResponse(c.in, nil)
	switch {
	case err == nil && resp.StatusCode == http.StatusRequestTimeout:
		l.end(x, "request_timeout", false) // what came of the head may hold no id
	case err == nil:
		l.finding(x, "half a head is answered with %d", resp.StatusCode)
		l.end(x, "wrong", false)
	default:
		l.end(x, "left", false)
	}
}

// leaver goes away: before the head, in a stream, or in its own upload.
func (l *load) leaver(x *exchange) {
	c, err := l.pool.dial()
	if err != nil {
		l.refused(x, err)
		return
	}
	if x.kind == "leaves-a-stream" {
		l.leaveStream(c, x)
		return
	}
	_ = c.send(x, x.upload/2)
	time.Sleep(x.pause)
	x.leaves()
	c.leave(x.leave)
	l.end(x, "left by "+string(x.leave), false)
}

// leaveStream reads some events first; they must be right.
func (l *load) leaveStream(c *conn, x *exchange) {
	answered := false
	if err := c.send(x, x.upload); err == nil {
		_ = c.SetReadDeadline(time.Now().Add(x.pause))
		if resp, err := c.final(x); err == nil {
			answered = true
			l.readUntil(resp, x)
		}
	}
	x.leaves()
	c.leave(x.leave)
	l.end(x, "left by "+string(x.leave), answered)
}

func (l *load) readUntil(resp *http.Response, x *exchange) {
	if resp.Header.Get("X-Apim-Edge-Error") != "" {
		return // upstream is being restarted
	}
	want, buffer := x.want(), make([]byte, 4<<10)
	for {
		n, err := resp.Body.Read(buffer)
		if fault := compare(want, buffer[:n]); fault != nil {
			l.finding(x, "%v", fault)
			return
		}
		if err == io.EOF {
			l.finding(x, "a stream that never ends looks complete")
		}
		if err != nil {
			return
		}
	}
}
