package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// visit is a client that has some work to do.
type visit struct {
	*Load
	*rand.Rand
	kind  *kind
	pool  *pool
	crowd *Crowd
}

// refused notes that no connection could be had.
func (v *visit) refused(x *Exchange, err error) {
	o := outcome{word: "refused", unsent: true}
	if !v.crowd.MayFail.Load() {
		o.deviation = fmt.Errorf("no connection to the edge: %w", err)
	}
	v.end(x, o)
}

// ordinary sends a request and reads the answer.
func (v *visit) ordinary(x *Exchange) {
	connect := v.pool.get
	if x.pause > 0 { // a reader that falls behind
		connect = func() (*conn, error) { return v.pool.dial(128 << 10) }
	}
	c, err := connect()
	if err != nil {
		v.refused(x, err)
		return
	}
	// Upstream, and so the edge, may answer and close before it has read the
	// whole: the answer counts.
	_, sendErr := c.send(x)
	o, again := c.receive(x)
	if o.status == 0 && sendErr != nil && !isTimeout(o.err) {
		o.err = sendErr
	}
	v.end(x, o)
	if o.seen() == "complete" && x.Kind == "small" {
		v.record(time.Since(x.start))
	}
	if again && !x.lonely && x.pause == 0 {
		v.pool.put(c)
		return
	}
	if again && x.lonely { // the edge was asked to close
		if _, err := c.In.ReadByte(); err != io.EOF {
			v.Found("%s: the edge was to close behind its answer: %v", x.id, err)
		}
	}
	_ = c.Close()
}

// pipeline sends some requests at once, each with a credential of its own.
func (v *visit) pipeline(x *Exchange) {
	all := []*Exchange{x}
	for range 1 + v.IntN(3) {
		all = append(all, v.begin(v.draw(v.Rand, v.kind, v.crowd)))
	}
	c, err := v.pool.get()
	var text bytes.Buffer
	for _, x := range all {
		text.WriteString(x.head())
		_ = writeUpload(&text, x, x.Upload) // into memory
	}
	if err != nil {
		for _, x := range all {
			v.refused(x, err)
		}
		return
	}
	_, _ = c.Write(text.Bytes()) // an error: the answers say why
	again := true
	for _, x := range all {
		if !again {
			// The answer before was the last of its connection; a client may send this
			// one again elsewhere.
			v.end(x, outcome{word: notAnswered})
			continue
		}
		var o outcome
		o, again = c.receive(x)
		v.end(x, o)
	}
	if again {
		v.pool.put(c)
		return
	}
	_ = c.Close()
}

// tunnel talks through a WebSocket whose other end says everything again, and leaves
// without a Close frame.
func (v *visit) tunnel(x *Exchange) {
	c, err := v.pool.dial(0)
	if err != nil {
		v.refused(x, err)
		return
	}
	defer c.Close()
	if _, err := c.send(x); err != nil {
		v.end(x, outcome{err: err})
		return
	}
	resp, err := c.final(x)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		o := outcome{err: err}
		if err == nil {
			o = outcome{status: resp.StatusCode, code: resp.Header.Get("X-Apim-Edge-Error"), id: resp.Header.Get("X-Request-Id")}
		}
		v.end(x, o)
		return
	}
	o := outcome{status: resp.StatusCode, id: x.id}
	for n := range x.Size {
		data := make([]byte, 1+scramble(x.Seq+uint64(n))%3000)
		_, _ = (&pattern{seed: x.Seq << 32, size: int64(len(data))}).Read(data)
		message := append(binary.BigEndian.AppendUint16([]byte("\x82\x7e"), uint16(len(data))), data...) //nolint:gosec // 3000 at most
		if _, o.err = c.Write(message); o.err != nil {
			break
		}
		echo := make([]byte, len(message))
		if _, o.err = io.ReadFull(c.In, echo); o.err != nil {
			break
		}
		if !bytes.Equal(echo, message) {
			o.deviation = fmt.Errorf("message %d of a tunnel comes back altered", n)
			break
		}
		time.Sleep(x.Gap)
	}
	v.leaves(x)
	_ = c.Close()
	v.end(x, o)
}

// silent connects and says nothing. The edge may end it when it keeps no idle
// connection any longer, and must not say anything either.
func (v *visit) silent(x *Exchange) {
	c, err := v.pool.dial(0)
	if err != nil {
		v.refused(x, err)
		return
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(x.pause))
	o := outcome{word: "closed", unsent: true}
	if n, err := c.TCP().Read(make([]byte, 100)); n > 0 {
		o.deviation = fmt.Errorf("the edge says something by itself: %v", err)
	}
	v.end(x, o)
}

// halfHead sends a part of a head and waits, or leaves first.
func (v *visit) halfHead(x *Exchange) {
	c, err := v.pool.dial(0)
	if err != nil {
		v.refused(x, err)
		return
	}
	defer c.Close()
	_, err = c.send(x)
	_ = c.SetReadDeadline(time.Now().Add(x.pause))
	o := outcome{word: left, unsent: err != nil}
	switch resp, err := http.ReadResponse(c.In, nil); {
	case err == nil && resp.StatusCode == http.StatusRequestTimeout:
		o.word = "request_timeout" // what came of the head may hold no id
	case err == nil:
		o.deviation = fmt.Errorf("half a head is answered with %d", resp.StatusCode)
	}
	v.leaves(x)
	v.end(x, o)
}

// leaver goes away: within its head, in its own upload, before the answer, or in it.
func (v *visit) leaver(x *Exchange) {
	c, err := v.pool.get()
	if err != nil {
		v.refused(x, err)
		return
	}
	o := outcome{}
	sent, err := c.send(x)
	if whole := err == nil && x.inHead == 0 && x.inUpload == 0; whole && x.pause > 0 {
		_ = c.SetReadDeadline(time.Now().Add(x.pause))
		o = c.readFor(x)
	} else {
		time.Sleep(x.pause)
	}
	v.leaves(x)
	if fault := c.leave(x.leave); fault != nil {
		o.deviation = fault
	}
	v.end(x, outcome{word: left, status: o.status, deviation: o.deviation, unsent: !sent})
}

// longStream is a stream of minutes, whose client leaves when gone is closed.
func (v *visit) longStream(x *Exchange, gone <-chan struct{}) (status int) {
	c, err := v.pool.dial(0)
	if err != nil {
		v.refused(x, err)
		return 0
	}
	defer c.Close()
	_ = c.SetDeadline(time.Time{})
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-gone:
			v.leaves(x)
			_ = c.TCP().Close()
		case <-over:
		}
	}()
	o := outcome{}
	if _, o.err = c.send(x); o.err == nil {
		o, _ = c.receive(x)
	}
	select {
	case <-gone:
		if o.deviation == nil {
			x.leave = raw.ByCut
			o = outcome{word: left}
		}
	default:
	}
	v.end(x, o)
	return o.status
}
