//go:build e2e

package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// abuser is a client that does what no good one does. The ledger does not know it.
type abuser struct {
	*raw.Conn
	number int
	nonce  string
}

// What abusers ask of the upstream.
var (
	small   = load.Part{Fate: load.Good, Framing: load.ByLength}
	hundred = load.Part{Fate: load.Good, Framing: load.ByLength, Size: 100}
	flood   = load.Part{Fate: load.Good, Framing: load.ByLength, Size: 64 << 20}
	torrent = load.Part{Fate: load.Good, Framing: load.Chunked, Size: 64 << 20}
)

// abused is an edge whose route for abusers is patient, so that a machine that is
// slow under them is not taken for an upstream that is silent. more is added to
// the configuration, timeouts to the timeouts.
func abused(t *testing.T, secure sides, timeouts, more string) *stage {
	t.Helper()
	s := start(t, secure, func(s *load.Settings) {
		s.Legs[1].Patient = true
		s.Timeouts, s.More = timeouts+s.Timeouts, more
	})
	s.Load.Mood(load.Loyal) // no abuser meets a connection that is being closed
	return s
}

// limited is an edge with limits, on which nobody waits for a connection for long.
func limited(t *testing.T, more, upstream string) *stage {
	t.Helper()
	return start(t, sides{}, func(s *load.Settings) {
		s.More, s.Upstream, s.Timeouts = more, upstream, bounds+", connect: 100ms"
	})
}

// abuse runs do for n abusers at the same time and returns what was wrong.
func (s *stage) abuse(n int, do func(*abuser) error) {
	s.t.Helper()
	var all sync.WaitGroup
	faults := make(chan string, n)
	for i := range n {
		all.Go(func() {
			conn, err := raw.Dial(s.Address(), raw.Dialer{Client: 1 + i, Buffer: 16 << 10}) // it stalls soon
			if err != nil {
				faults <- err.Error()
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(2 * testkit.Patience))
			a := &abuser{conn, i, fmt.Sprintf("abuser-%d", i)}
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
func (a *abuser) head(method string, part load.Part) string {
	work, _ := json.Marshal(part)
	return fmt.Sprintf("%s /abuse HTTP/1.1\r\nHost: edge\r\nX-Request-Id: %s\r\nAuthorization: Bearer k-%s\r\nX-Part: %s\r\n",
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
	resp, err := http.ReadResponse(a.In, &http.Request{Method: method})
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
	rest, err := io.ReadAll(a.In)
	if len(rest) > 0 || os.IsTimeout(err) {
		return fmt.Errorf("%d bytes and then %v, want the end of the connection", len(rest), err)
	}
	return nil
}

// others holds that good clients are served meanwhile.
func (s *stage) others(while string) {
	s.t.Helper()
	c := s.gather(20, map[string]int{"upstream_head_timeout": 504, "upstream_closed_early": 502})
	s.await(c, "complete", 100, while)
	c.Halt()
}

// startOthers holds the same beside what the test does, and closes what it
// returns when they have been served.
func (s *stage) startOthers(while string) <-chan struct{} {
	served := make(chan struct{})
	go func() {
		defer close(served)
		aside := *s
		aside.t = testkit.Aside(s.t)
		aside.others(while)
	}()
	return served
}

// watchMemory returns what tells the most memory that the edge has had since.
func (s *stage) watchMemory() (most func() int) {
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		n := 0
		for {
			n = max(n, s.memory("Pss"))
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

func (s *stage) wantCauses(cause string, n int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d access lines with %s", n, cause), func() bool { return s.ledger.Causes()[cause] >= n })
	if all := s.ledger.Causes(); all[cause] != n {
		s.t.Errorf("%d access lines with %s, want %d; there are %v", all[cause], cause, n, all)
	}
}
