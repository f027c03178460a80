//go:build e2e

package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// client is one connection of the client.
type client struct {
	*socket
	number   int
	script   clientScript
	baseline progress // at the upstream, when the current part began
	counted  int      // bytes of sent that came before that part
	waited   int      // responses that the script has waited for
	done     bool
}

func (s *stage) newClient(number int, script clientScript) *client {
	c := &client{number: number, script: script}
	s.update(func() { s.clients = append(s.clients, c) })
	return c
}

// play connects, does what the script says, and stays until the responses that
// the story wants have come. What the script waits for before its first byte it
// waits for before it connects: the order in which two clients connect counts
// where connections are limited.
func (c *client) play(s *stage, address string, secure *tls.Config) {
	defer s.update(func() { c.done = true })
	steps := c.script.steps
	for len(steps) > 0 && strings.HasPrefix(steps[0].verb, "after ") {
		if !c.perform(s, steps[0]) {
			return
		}
		steps = steps[1:]
	}
	if err := c.connect(s, address, secure); err != nil {
		s.fault("client %d: %v", c.number, err)
		return
	}
	go c.read()
	for _, step := range steps {
		if !c.perform(s, step) {
			break
		}
	}
	if err := c.settle(); err != nil {
		s.fault("client %d: %v", c.number, err)
	}
	c.finish(raw.ByClose)
}

// perform does one step, and reports whether that went well.
func (c *client) perform(s *stage, step step) bool {
	err := c.do(s, step)
	if err != nil {
		s.fault("client %d: <%s>: %v", c.number, step.verb, err)
	}
	return err == nil
}

func (c *client) connect(s *stage, address string, secure *tls.Config) error {
	conn, err := raw.Dial(address, raw.Dialer{TLS: secure})
	if err != nil {
		return err
	}
	if t, isTLS := conn.Conn.(*tls.Conn); isTLS {
		if err := t.Handshake(); err != nil {
			return err
		}
	}
	s.update(func() { c.socket, c.baseline = &socket{Conn: conn, stage: s, end: raw.Open}, s.atUpstream() })
	return nil
}

func (c *client) do(s *stage, step step) error {
	switch step.verb {
	case "send":
		c.send(step.data)
	case "pause":
		return s.await("the upstream to have received all so far", func() bool {
			sent, _ := requestProgress(c.sent[c.counted:])
			return s.atUpstream().minus(c.baseline).reaches(sent)
		})
	case "response":
		c.waited++
		err := s.await("a response", func() bool { return c.completed() >= c.waited })
		s.update(func() { c.baseline, c.counted = s.atUpstream(), len(c.sent) })
		return err
	case "head":
		return s.await("a response head", func() bool { return c.heads() > c.waited })
	case "expect":
		return s.await("an interim response", func() bool { return c.sawStatus(step.n) })
	case "got":
		return s.await("the body", func() bool { return c.progress().body >= step.n })
	case "left":
		return s.await("the edge to close", func() bool { return c.end != raw.Open })
	case "after client", "after request", "after upstream":
		return s.after(step)
	case "hang", "flush":
	case "early", "request":
		return errors.New("only the upstream can do this")
	default:
		c.finish(raw.Leaving(step.verb))
	}
	return nil
}

// after waits for what another actor of the story does.
func (s *stage) after(step step) error {
	return s.await(fmt.Sprintf("%s %d", step.verb, step.n), func() bool {
		switch i := step.n - 1; step.verb {
		case "after client":
			return i < len(s.clients) && s.clients[i].done
		case "after request":
			return i < len(s.arrived)
		default:
			return i < len(s.arrived) && s.arrived[i].done
		}
	})
}

// settle waits for the wanted responses. Then it closes the sending side and
// reads to the end, so that a byte too much is seen without waiting for it.
func (c *client) settle() error {
	want := len(c.script.want)
	endings := want == 0 || c.script.want[want-1].endings
	err := c.stage.await(fmt.Sprintf("%d responses", want), func() bool {
		if c.end != raw.Open {
			return true
		}
		all, rest, err := c.responses()
		return err != nil || !endings && len(all) >= want && all[len(all)-1].Complete && len(rest) == 0 ||
			!endings && len(all) > want
	})
	if err != nil || c.end != raw.Open {
		return err
	}
	c.finish(raw.ByHalf)
	return c.stage.await("the end of the connection", func() bool { return c.end != raw.Open })
}

// responses parses what has come: final responses, and what is left over. The
// caller holds mu.
func (c *client) responses() (all []*received, rest []byte, err error) {
	all, _, rest, err = c.parse()
	return all, rest, err
}

// parse also returns the interim responses that no final one has followed.
func (c *client) parse() (all []*received, interims []*Message, rest []byte, err error) {
	if c.socket == nil {
		return nil, nil, nil, nil
	}
	_, methods := requestProgress(c.sent)
	rest = c.in
	for len(rest) > 0 {
		method := "GET"
		if len(all) < len(methods) {
			method = methods[len(all)]
		}
		m, err := parseResponse(rest, method, c.end)
		if err != nil || !m.Headed {
			return all, interims, rest, err
		}
		rest = rest[m.Size:]
		if m.Status() < 200 && m.Status() != 101 {
			interims = append(interims, m)
			continue
		}
		all = append(all, &received{Message: m, interims: interims, method: method})
		interims = nil
		if !m.Complete {
			break
		}
	}
	if len(all) > 0 && len(rest) == 0 {
		all[len(all)-1].end = c.end
	}
	return all, interims, rest, nil
}

func (c *client) progress() (p progress) {
	all, interims, _, _ := c.parse()
	for _, r := range all {
		p.add(r.Message)
		interims = append(interims, r.interims...)
	}
	for _, m := range interims {
		p.add(m)
	}
	return p
}

func (c *client) completed() (n int) {
	all, _, _ := c.responses()
	for _, r := range all {
		if r.Complete {
			n++
		}
	}
	return n
}

func (c *client) heads() int {
	all, _, _ := c.responses()
	return len(all)
}

// sawStatus looks for a status line, because an interim response alone is not
// yet part of a final one.
func (c *client) sawStatus(status int) bool {
	rest := c.in
	for len(rest) > 0 {
		m, err := parseResponse(rest, "GET", c.end)
		if err != nil || !m.Headed {
			return false
		}
		if m.Status() == status {
			return true
		}
		if !m.Complete {
			return false
		}
		rest = rest[m.Size:]
	}
	return false
}

// verdict compares what came with what the story wants.
func (c *client) verdict() (faults []string) {
	all, rest, err := c.responses()
	if err != nil {
		faults = append(faults, fmt.Sprintf("client.want %d: the edge's response breaks HTTP/1.1: %v", c.number, err))
	} else if len(rest) > 0 {
		faults = append(faults, fmt.Sprintf("client.want %d: bytes that belong to no wanted response: %q", c.number, rest))
	}
	if len(all) != len(c.script.want) {
		faults = append(faults, fmt.Sprintf("client.want %d: want %d responses, got %d", c.number, len(c.script.want), len(all)))
	}
	for i := range min(len(all), len(c.script.want)) {
		for _, check := range c.script.want[i].checks {
			if err := check(all[i]); err != nil {
				faults = append(faults, fmt.Sprintf("client.want %d, response %d: %v", c.number, i+1, err))
			}
		}
	}
	return faults
}
