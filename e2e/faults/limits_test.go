//go:build e2e

package faults

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
)

// TestBeyondTheLimits: more clients than a limit allows. Those beyond it get 503
// with Retry-After, the others are served, and the upstream never sees more at a
// time than the limit says.
func TestBeyondTheLimits(t *testing.T) {
	const clients, limit = 200, 20
	for _, tc := range []struct {
		name, more, upstream, code string
		most                       func(*load.Upstream) int
	}{
		{"limits.connections", "limits: {connections: 20}\n", "", "edge_overloaded", (*load.Upstream).MostExchanges},
		{"limits.exchanges", "limits: {exchanges: 20}\n", "", "edge_overloaded", (*load.Upstream).MostExchanges},
		{"max_connections", "", ", max_connections: 20", "upstream_unavailable", (*load.Upstream).MostConns},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := limited(t, tc.more, tc.upstream)
			before := s.quiet()
			c := s.gather(clients, map[string]int{tc.code: 503, "upstream_head_timeout": 504, "upstream_closed_early": 502})
			checks := []func(){s.ledger.CheckStrangers, s.ledger.CheckNameless}
			if tc.name == "limits.connections" { // what is not read may meet a reset
				c.MayFail.Store(true)
				checks = checks[:1]
			}
			s.await(c, tc.code, 100, "more clients than "+tc.name)
			s.await(c, "complete", 100, "more clients than "+tc.name)
			c.Halt()
			t.Log(c)
			s.wantQuiet(before)
			s.wantCounters()
			s.drained(checks...)
			// An exchange that its client has left, and that has been cut, ends at
			// the upstream a little later than at the edge.
			if most := tc.most(s.up); most == 0 || most > 2*limit {
				t.Errorf("the upstream had %d at a time, the limit is %d", most, limit)
			}
		})
	}
}

// TestMemoryStaysWithinItsBound holds what docs/operations.md says about the size
// of a container: 64 MiB, and 160 KiB and twice limits.head for each of
// limits.connections, are enough for whatever clients do, and however many they
// are.
func TestMemoryStaysWithinItsBound(t *testing.T) {
	const connections, container = 100, 64<<20 + 100*(160+2*64)<<10
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, bounds, fmt.Sprintf("limits: {connections: %d}\n", connections))
			s.Kill()
			s.run(fmt.Sprintf("export GOMEMLIMIT=%d", container/10*9)) // as in a container of that size
			if lines := s.Lines("memory limit"); len(lines) != 1 {
				t.Errorf("the log says %+v about the memory limit", lines)
			}
			before, refused := s.quiet(), 0
			for _, f := range floods {
				if l.secure != f.secure {
					continue
				}
				refused += (f.times - 1) * connections
				if f.hung {
					s.up.Stop()
				}
				var placed sync.WaitGroup
				placed.Add(f.times * connections)
				s.abuse(f.times*connections, func(a *abuser) error {
					_ = a.SetWriteDeadline(time.Now().Add(time.Second))
					f.flood(a, s.Load.TLS)
					placed.Done()
					placed.Wait()
					return nil // refused, or held as long as the others
				})
				if f.hung {
					s.up.Continue()
				}
				t.Logf("%s: %d KiB at most so far, %d in the bound", f.name, s.memory("VmHWM")>>10, container>>10)
			}
			if most := s.memory("VmHWM"); most > container {
				t.Errorf("%d KiB, want %d KiB at most", most>>10, container>>10)
			}
			if got := s.scrape().Sum("apim_edge_client_connections_refused_total"); got < refused/2 { // places get free meanwhile
				t.Errorf("%d connections were refused, want about %d: the flood was none", got, refused)
			}
			s.wantQuiet(before)
			s.others("the flood being over")
			s.drained()
		})
	}
}

// floods are ways to take memory, each for as long as the edge lets it.
var floods = []struct {
	name   string
	times  int // as many clients as limits.connections
	secure bool
	hung   bool // the upstream does not go on with a handshake
	flood  func(*abuser, *tls.Config)
}{
	{"most of a head", 50, false, false, func(a *abuser, _ *tls.Config) { _ = a.say(a.head("POST", small) + giantField) }},
	{"a giant head that waits for its answer", 3, false, false, func(a *abuser, _ *tls.Config) {
		_ = a.say(a.head("GET", load.Part{Fate: load.Hang}) + giantField + "\r\n")
	}},
	{"a giant head of many fields that waits", 3, false, false, func(a *abuser, _ *tls.Config) { _ = a.say(manyFields(a)) }},
	{"an answer that is not read", 3, false, false, func(a *abuser, _ *tls.Config) { _ = a.say(a.head("GET", torrent) + "\r\n") }},
	{"a body that does not go on", 3, false, false, func(a *abuser, _ *tls.Config) {
		_ = a.say(a.head("POST", small) + giantField + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 50<<10))
	}},
	{"preflights whose answers are not read", 3, false, false, func(a *abuser, _ *tls.Config) {
		one := a.head("OPTIONS", small) + giantField + "Origin: " + load.Origin + "\r\nAccess-Control-Request-Method: POST\r\n\r\n"
		_ = a.say(strings.Repeat(one, 10))
	}},
	{"half a ClientHello", 50, true, false, func(a *abuser, _ *tls.Config) { _ = a.say(string(halfHello(60 << 10))) }},
	{"half a ClientHello as large as may be", 50, true, false, func(a *abuser, _ *tls.Config) { _ = a.say(string(halfHello(15 << 10))) }},
	{"most of a head behind a handshake", 3, true, false, func(a *abuser, conf *tls.Config) {
		_, _ = io.WriteString(tls.Client(a, conf), a.head("POST", small)+giantField)
	}},
	{"a giant head of many fields behind a handshake", 3, true, true, func(a *abuser, conf *tls.Config) {
		_, _ = io.WriteString(tls.Client(a, conf), manyFields(a))
	}},
	{"an answer behind a handshake that is not read", 3, true, false, func(a *abuser, conf *tls.Config) {
		_, _ = io.WriteString(tls.Client(a, conf), a.head("GET", torrent)+"\r\n")
	}},
}

var giantField = "X: " + strings.Repeat("x", 60<<10) + "\r\n"

func manyFields(a *abuser) string {
	return a.head("GET", load.Part{Fate: load.Hang}) + giantField + strings.Repeat("a:b\r\n", 400) + "\r\n"
}

// halfHello returns the beginning of a ClientHello, in records as large as they
// may be.
func halfHello(size int) []byte {
	message := append([]byte{1, 0, 0xff, 0}, make([]byte, size)...)
	var records []byte
	for len(message) > 0 {
		n := min(len(message), 16<<10)
		records = append(append(records, 22, 3, 1, byte(n>>8), byte(n)), message[:n]...)
		message = message[n:]
	}
	return records
}
