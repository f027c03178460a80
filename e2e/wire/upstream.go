//go:build e2e

package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// upstream plays the legacy API: it takes the requests in the order of their
// arrival, on whatever connection, and does for each what its script says.
type upstream struct {
	*peer.Listener
	stage   *stage
	scripts []answerScript
	silent  bool // no connection may come
}

// arrival is one request at the upstream.
type arrival struct {
	*socket
	number   int
	conn     int
	offset   int // of the request in in
	answered int // bytes of sent that belong to earlier exchanges
	baseline progress
	done     bool
}

// message parses what has come of the request. The caller holds mu.
func (a *arrival) message() *Message {
	m, _ := parseRequest(a.in[a.offset:])
	return m
}

// newUpstream listens. secure: over TLS.
func newUpstream(s *stage, secure *tls.Config) (u *upstream, err error) {
	u = &upstream{stage: s}
	u.Listener, err = peer.Listen("127.0.0.1:0", secure, u.play)
	return u, err
}

// play serves a connection, which stays as its script has left it until the story
// is over.
func (u *upstream) play(conn *raw.Conn) {
	c := &socket{Conn: conn, stage: u.stage, end: raw.Open}
	var number int
	u.stage.update(func() {
		u.stage.conns = append(u.stage.conns, c)
		number = len(u.stage.conns)
	})
	go c.read()
	u.serve(c, number)
	<-u.stage.over
}

// serve plays one request after the other on a connection.
func (u *upstream) serve(c *socket, number int) {
	offset := 0
	for {
		a := u.next(c, number, offset)
		if a == nil {
			return
		}
		if err := u.answer(a); err != nil {
			u.stage.fault("upstream.send %d: %v", a.number, err)
		}
		u.stage.update(func() { a.done = true })
		var m *Message
		err := u.stage.await("the request to be complete", func() bool {
			m = a.message()
			return m.Complete || c.end != raw.Open
		})
		if err != nil || !m.Complete || a.switched() {
			return
		}
		offset += m.Size
	}
}

// next waits for the head of a request, and gives it its number.
func (u *upstream) next(c *socket, conn, offset int) (a *arrival) {
	err := u.stage.await("a request", func() bool {
		if len(c.in) > offset {
			m, err := parseRequest(c.in[offset:])
			if m.Headed || err != nil {
				a = &arrival{socket: c, conn: conn, offset: offset, answered: len(c.sent)}
				return true
			}
		}
		return c.end != raw.Open
	})
	if err != nil || a == nil {
		return nil
	}
	u.stage.update(func() {
		a.baseline = u.stage.atClients()
		u.stage.arrived = append(u.stage.arrived, a)
		a.number = len(u.stage.arrived)
	})
	return a
}

// answer does what the script for the request says.
func (u *upstream) answer(a *arrival) error {
	if a.number > len(u.scripts) {
		a.finish(raw.ByClose)
		return nil // the verdict counts the requests
	}
	steps := u.scripts[a.number-1].steps
	if len(steps) > 0 && steps[0].verb == "early" {
		steps = steps[1:]
	} else if complete, err := u.complete(a); err != nil || !complete {
		return err
	}
	for _, step := range steps {
		if err := u.do(a, step); err != nil {
			return fmt.Errorf("<%s>: %w", step.verb, err)
		}
	}
	return nil
}

// complete waits for the end of the request, or for it to be cut.
func (u *upstream) complete(a *arrival) (complete bool, err error) {
	err = u.stage.await("the whole request", func() bool {
		complete = a.message().Complete
		return complete || a.end != raw.Open
	})
	return complete, err
}

func (u *upstream) do(a *arrival, step step) error {
	switch step.verb {
	case "send":
		a.send(step.data)
	case "pause":
		return u.stage.await("the client to have received all so far", func() bool {
			sent := responseProgress(a.sent[a.answered:], a.message().Method())
			return u.stage.atClients().minus(a.baseline).reaches(sent)
		})
	case "request":
		_, err := u.complete(a)
		return err
	case "left":
		return u.stage.await("the edge to close the connection", func() bool { return a.end != raw.Open })
	case "got":
		return u.stage.await("the body", func() bool { return len(a.message().Body)+len(a.tunnel()) >= step.n })
	case "after client", "after request", "after upstream":
		return u.stage.after(step)
	case "hang", "flush":
	case "early", "response", "head", "expect":
		return errors.New("not here")
	default:
		a.finish(raw.Leaving(step.verb))
	}
	return nil
}

// switched reports whether the script has answered 101.
func (a *arrival) switched() bool {
	a.stage.mu.Lock()
	defer a.stage.mu.Unlock()
	return strings.HasPrefix(string(a.sent[a.answered:]), "HTTP/1.1 101")
}

// tunnel returns the bytes behind a request that was answered with 101. The
// caller holds mu.
func (a *arrival) tunnel() []byte {
	if !strings.HasPrefix(string(a.sent[a.answered:]), "HTTP/1.1 101") {
		return nil
	}
	return a.in[a.offset+a.message().Size:]
}

// finished reports whether every script has been played. The caller holds mu.
func (u *upstream) finished() bool {
	if len(u.stage.arrived) < len(u.scripts) {
		return false
	}
	for _, a := range u.stage.arrived {
		if !a.done {
			return false
		}
	}
	return true
}

// requests are what has arrived. The caller holds mu.
func (u *upstream) requests() (all []*arrived) {
	for _, a := range u.stage.arrived {
		all = append(all, &arrived{Message: a.message(), conn: a.conn, tunnel: a.tunnel(), end: a.end})
	}
	return all
}

// verdict compares what arrived with what the story wants.
func (u *upstream) verdict() (faults []string) {
	s := u.stage
	if len(s.arrived) != len(u.scripts) {
		faults = append(faults, fmt.Sprintf("upstream.want: want %d requests, got %d", len(u.scripts), len(s.arrived)))
	}
	if u.silent && len(s.conns) > 0 {
		faults = append(faults, fmt.Sprintf("upstream.want: never, but the edge opened %d connections", len(s.conns)))
	}
	used, requests := map[*socket]int{}, u.requests()
	for i, a := range s.arrived {
		m, err := parseRequest(a.in[a.offset:])
		used[a.socket] = a.offset + m.Size + len(a.tunnel())
		if err != nil {
			faults = append(faults, fmt.Sprintf("upstream.want %d: the edge's request breaks HTTP/1.1: %v", i+1, err))
		}
		if i >= len(u.scripts) {
			continue
		}
		for _, check := range u.scripts[i].want {
			if err := check(requests[i]); err != nil {
				faults = append(faults, fmt.Sprintf("upstream.want %d: %v", i+1, err))
			}
		}
	}
	for i, c := range s.conns {
		if rest := c.in[min(used[c], len(c.in)):]; len(rest) > 0 {
			faults = append(faults, fmt.Sprintf("upstream connection %d: bytes that belong to no request: %q", i+1, rest))
		}
	}
	return faults
}
