//go:build e2e

package faults

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// abuser is a client that does what no good one does.
type abuser struct {
	*net.TCPConn
	number int
	nonce  string
	in     *bufio.Reader
}

// abused is an edge with a route of its own for abusers, so that a machine that is
// slow under them is not taken for an upstream that is silent. more is put in
// front of the configuration, timeouts among the timeouts.
func abused(t *testing.T, timeouts, more string) *stage {
	t.Helper()
	s := &stage{up: startUpstream(t, nil)}
	s.up.mood(moodLoyal) // no abuser meets a connection that is being closed
	text := loadConfig(s.up, 0)
	text = strings.Replace(text, "\ntimeouts: {", "\ntimeouts: {"+timeouts, 1)
	text = strings.Replace(text, "routes: {", "routes: {abuse: {path_prefix: /abuse, upstream: legacy, timeouts: {stream_idle: 1h, response_head: 1h}, "+
		fmt.Sprintf("cors: {allowed_origins: [%q]}}, ", page), 1)
	s.edge = start(t, more+text)
	return s
}

// limited is an edge with limits.
func limited(t *testing.T, more, upstream string) *stage {
	t.Helper()
	s := &stage{up: startUpstream(t, nil)}
	s.edge = start(t, more+strings.Replace(loadConfig(s.up, 0), "{legacy: {", "{legacy: {"+upstream, 1))
	return s
}

// abuse runs do for n abusers at the same time and returns what was wrong.
func (s *stage) abuse(n int, do func(*abuser) error) {
	s.t.Helper()
	var all sync.WaitGroup
	faults := make(chan string, n)
	for i := range n {
		all.Go(func() {
			conn, err := dial(s.clients, i)
			if err != nil {
				faults <- err.Error()
				return
			}
			defer conn.Close()
			_ = conn.SetReadBuffer(16 << 10) // so that it stalls soon
			_ = conn.SetDeadline(time.Now().Add(2 * patience))
			a := &abuser{TCPConn: conn, number: i, nonce: fmt.Sprintf("abuser-%d", i), in: bufio.NewReader(conn)}
			if err := do(a); err != nil {
				faults <- fmt.Sprintf("%s: %v", a.nonce, err)
			}
		})
	}
	all.Wait()
	close(faults)
	told := 0
	for f := range faults {
		if told++; told <= 5 {
			s.t.Error(f)
		}
	}
	if told > 5 {
		s.t.Errorf("and %d abusers more", told-5)
	}
}

// head is a request head without its last line.
func (a *abuser) head(method, work string) string {
	return fmt.Sprintf("%s /abuse HTTP/1.1\r\nHost: edge\r\nX-Request-Id: %s\r\nAuthorization: Bearer k-%s\r\nX-Work: %s\r\n",
		method, a.nonce, a.nonce, work)
}

func (a *abuser) say(text string) error {
	_, err := io.WriteString(a, text)
	return err
}

// pour writes piece again and again, up to a size, beside the reading. It ends
// when the edge takes no more.
func (a *abuser) pour(piece string, size int) {
	go func() {
		text := bytes.Repeat([]byte(piece), 64<<10/len(piece)+1)
		for n := 0; n < size; n += len(text) {
			if _, err := a.Write(text); err != nil {
				return
			}
		}
	}()
}

// answer wants one, whole, with the status and the edge's error.
func (a *abuser) answer(method string, status int, code string) error {
	resp, err := http.ReadResponse(a.in, &http.Request{Method: method})
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || resp.Header.Get("X-Apim-Edge-Error") != code {
		return fmt.Errorf("answer %s %v, %q, %v; want %d %s", resp.Status, resp.Header, body, err, status, code)
	}
	return nil
}

// ended wants the end of the connection without another byte.
func (a *abuser) ended() error {
	rest, err := io.ReadAll(a.in)
	if len(rest) > 0 || os.IsTimeout(err) {
		return fmt.Errorf("%d bytes and then %v, want the end of the connection", len(rest), err)
	}
	return nil
}

// others holds that good clients are served meanwhile.
func (s *stage) others(while string) {
	s.t.Helper()
	b := startClients(s.t, 20, s.clients, s.secure)
	b.codes = map[string]int{"upstream_head_timeout": 504, "upstream_closed_early": 502}
	b.await("complete", 100, while)
	b.halt()
	b.report(b.faults)
}

// startOthers holds the same beside what the test does, and closes what it
// returns when they have been served.
func (s *stage) startOthers(while string) <-chan struct{} {
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.others(while)
	}()
	return served
}

// pss returns the memory of the edge, its part of what is shared included.
func (e *edge) pss() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", e.cmd.Process.Pid))
	if err != nil {
		e.t.Error(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, found := strings.CutPrefix(line, "Pss:"); found {
			kilobytes, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
			return kilobytes << 10
		}
	}
	e.t.Error("no Pss of the edge")
	return 0
}

// watchMemory returns what tells the most memory that the edge has had since.
func (e *edge) watchMemory() (most func() int) {
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		n := 0
		for {
			n = max(n, e.pss())
			select {
			case <-stop:
				ended <- n
				return
			case <-look.C:
			}
		}
	}()
	return func() int {
		close(stop)
		return <-ended
	}
}

// room is what each kind of abuse may cost on top of what each abuser may: the
// collector lets garbage lie up to the size of what is in use.
const room = 24 << 20

func wantWithin(t *testing.T, what string, n, before, most, each int) {
	t.Helper()
	t.Logf("%s: %d KiB before, %d KiB at most: %d bytes for each of %d", what, before>>10, most>>10, (most-before)/n, n)
	if bound := before + n*each + room; most > bound {
		t.Errorf("%s: %d KiB, want %d KiB at most", what, most>>10, bound>>10)
	}
}

// causes counts the access lines by their cause.
func (e *edge) causes() map[string]int {
	all := map[string]int{}
	for _, l := range e.log("exchange") {
		all[l.Cause]++
	}
	return all
}

func (e *edge) wantCauses(cause string, n int) {
	e.t.Helper()
	eventually(e.t, fmt.Sprintf("%d access lines with %s", n, cause), func() bool { return e.causes()[cause] >= n })
	if got := e.causes()[cause]; got != n {
		e.t.Errorf("%d access lines with %s, want %d; there are %v", got, cause, n, e.causes())
	}
}
