package proxy_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// What a request of the storm asks its upstream to do.
var stormFates = []string{
	"fixed", "fixed", "chunked", "chunked", "stream", "head-only", "early", // answers
	"close", "reset", "cut-chunked", "cut-fixed", "silent", "garbage", // faults
}

// TestAStorm mixes answers, faults of the upstream, departures, uploads, pipelines
// and reloads on many connections at once. Whatever comes: an answer is its
// asker's, whole or visibly cut, and each exchange leaves one access line and
// nothing else.
func TestAStorm(t *testing.T) {
	const clients, each = 24, 30
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, nil, stormUpstream)
			stop, reloads := make(chan struct{}), sync.WaitGroup{}
			reloads.Go(func() { reloadUntil(e, stop) })
			var all sync.WaitGroup
			answered := make([]map[string]bool, clients)
			for n := range clients {
				answered[n] = map[string]bool{}
				s := &stormClient{Rand: rand.New(rand.NewPCG(uint64(n), 7)), e: e.Aside(), name: fmt.Sprintf("c%d", n), answered: answered[n]}
				all.Go(func() { s.run(each) })
			}
			all.Wait()
			close(stop)
			reloads.Wait()
			e.WantMetric("apim_edge_client_connections", 0)
			wantLines(t, e, answered)
		})
	}
}

// wantLines holds that no exchange has two lines and that none which was answered
// has none, and that the metrics count the same.
func wantLines(t *testing.T, e *proxytest.Edge, answered []map[string]bool) {
	t.Helper()
	lines, all := map[string]int{}, e.Log.Exchanges()
	for _, l := range all {
		if id := l["request_id"].(string); id != "" { // of a head that was not complete there is none
			lines[id]++
		}
	}
	for id, n := range lines {
		if n != 1 {
			t.Errorf("%d access lines for %s", n, id)
		}
	}
	for _, ids := range answered {
		for id := range ids {
			if lines[id] == 0 {
				t.Errorf("no access line for %s, which was answered", id)
			}
		}
	}
	counted := e.Metric("apim_edge_requests_total")
	if int(counted) != len(all) {
		t.Errorf("%v exchanges counted, %d logged", counted, len(all))
	}
}

// reloadUntil reloads all the time, with changes that matter to nobody here.
func reloadUntil(e *proxytest.Edge, stop <-chan struct{}) {
	url := e.Edge.Config().Upstreams["legacy"].URL
	timeouts, listen := e.Edge.Config().Timeouts, e.Edge.Config().Listen
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
			c.Timeouts, c.Listen = timeouts, listen
			u := c.Upstreams["legacy"]
			u.MaxIdle = 8 + i%2 // another pool each time
			c.Upstreams["legacy"] = u
		})); err != nil {
			e.T.Error(err)
			return
		}
	}
}

// stormUpstream does what each request asks for.
func stormUpstream(up *proxytest.Peer) {
	for {
		m, err := up.TryHead()
		if err != nil {
			return
		}
		fate, id := m.Get("X-Fate"), m.Get("X-Request-Id")
		if fate == "early" {
			_, _ = io.WriteString(up, strings.Replace(stormAnswer("chunked", id, ""), "\r\n", "\r\nConnection: close\r\n", 1))
			return
		}
		if m, err = finish(up, m); err != nil {
			return // its client has left
		}
		if m.Get("api-key") != "key-"+id {
			up.T.Errorf("%s arrives with the key %q", id, m.Get("api-key"))
		}
		text := stormAnswer(fate, id, m.Body)
		switch fate {
		case "close":
			return
		case "reset":
			up.Reset()
			return
		case "silent":
			_, _ = up.In.ReadByte()
			return
		case "cut-chunked", "cut-fixed":
			_, _ = io.WriteString(up, text[:len(text)-3])
			return
		}
		if _, err := io.WriteString(up, text); err != nil {
			return
		}
	}
}

// stormBody is what the answer to a request says.
func stormBody(id, body string) string {
	sum := sha256.Sum256([]byte(body))
	return fmt.Sprintf("%s %d %x %s", id, len(body), sum, strings.Repeat("x", len(id)*997%20000))
}

func stormAnswer(fate, id, body string) string {
	text := stormBody(id, body)
	switch fate {
	case "garbage":
		return "nonsense\r\n\r\n"
	case "head-only":
		return "HTTP/1.1 204 No Content\r\nX-Id: " + id + "\r\n\r\n"
	case "fixed", "cut-fixed":
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", id, len(text), text)
	}
	head := "HTTP/1.1 200 OK\r\nX-Id: " + id + "\r\nTransfer-Encoding: chunked\r\n"
	if fate == "stream" {
		head += "Content-Type: text/event-stream\r\n"
	}
	half := len(text) / 2
	return fmt.Sprintf("%s\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", head, half, text[:half], len(text)-half, text[half:])
}

// stormClient sends one request after the other, on connections of its own.
type stormClient struct {
	*rand.Rand
	e        *proxytest.Edge
	name     string
	c        *proxytest.Peer
	answered map[string]bool
}

func (s *stormClient) run(requests int) {
	for i := range requests {
		if s.c == nil {
			s.c = s.e.Dial()
		}
		if !s.exchange(fmt.Sprintf("%s-%d", s.name, i)) {
			_ = s.c.Close()
			s.c = nil
		}
	}
	if s.c != nil {
		_ = s.c.Close()
	}
}

// exchange reports whether the connection can go on.
func (s *stormClient) exchange(id string) bool {
	fate := stormFates[s.IntN(len(stormFates))]
	body := strings.Repeat("b", s.IntN(4)*s.IntN(50000))
	head := fmt.Sprintf("POST /storm HTTP/1.1\r\nHost: edge\r\nX-Request-Id: %s\r\nX-Fate: %s\r\nAuthorization: Bearer key-%s\r\n", id, fate, id)
	framing := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	if len(body) > 0 && s.IntN(2) == 0 {
		framing = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	text := head + framing
	leaves := s.IntN(6) == 0
	if leaves {
		text = text[:s.IntN(len(text))]
	}
	_, err := io.WriteString(s.c, text)
	if leaves {
		ways[[]string{proxytest.Cut, proxytest.Reset}[s.IntN(2)]](s.c)
		return false
	}
	if err != nil {
		s.mayFail(fate, id, err)
		return false
	}
	if fate == "silent" { // nothing comes: the client loses patience
		<-time.After(time.Duration(s.IntN(10)) * time.Millisecond)
		ways[proxytest.Cut](s.c)
		return false
	}
	return s.judge(fate, id, body)
}

// judge reads the answer.
func (s *stormClient) judge(fate, id, body string) bool {
	m, err := s.c.TryHead()
	if err == nil {
		m, err = finish(s.c, m)
	}
	if m.First != "" {
		s.answered[id] = true
	}
	if err != nil {
		s.mayFail(fate, id, err)
		return false
	}
	switch {
	case m.Get("x-apim-edge-error") != "":
		if m.Get("x-request-id") != id {
			s.e.T.Errorf("%s gets the error of %s", id, m.Get("x-request-id"))
		}
		s.mayFail(fate, id, errors.New(m.Get("x-apim-edge-error")))
	case m.Get("X-Id") != id:
		s.e.T.Errorf("%s gets the answer of %s", id, m.Get("X-Id"))
	case strings.HasPrefix(fate, "cut-"):
		s.e.T.Errorf("%s (%s) looks complete: %q", id, fate, m.First)
	case fate == "early" && m.Body != stormBody(id, ""), fate != "early" && fate != "head-only" && m.Body != stormBody(id, body):
		s.e.T.Errorf("%s (%s) gets another body: %.80q", id, fate, m.Body)
	}
	return m.Get("Connection") != "close"
}

// mayFail holds that only faults end in one.
func (s *stormClient) mayFail(fate, id string, err error) {
	switch fate {
	case "close", "reset", "cut-chunked", "cut-fixed", "garbage", "early":
		return
	}
	s.e.T.Errorf("%s (%s) fails: %v", id, fate, err)
}

// finish reads the rest of a message, which may be cut, but may not stand still.
func finish(p *proxytest.Peer, m proxytest.Message) (proxytest.Message, error) {
	m, err := p.TryFinish(m, m.Status() == 204)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		p.T.Errorf("a body that never ends: %d bytes have come", len(m.Body))
	}
	return m, err
}
