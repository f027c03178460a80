package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestALedger holds under load, with upstreams that throttle, die and come back at
// random, that no POST runs twice, that nobody gets another's answer, and that what
// one upstream refuses another one does.
func TestALedger(t *testing.T) {
	var mu sync.Mutex
	ran := map[string]int{}
	do := func(turn int) func(up *proxytest.Peer, m proxytest.Message) {
		n := 0
		return func(up *proxytest.Peer, m proxytest.Message) {
			mu.Lock()
			n++
			way := (n*7 + turn) % 10
			if way != 0 && way != 1 {
				ran[m.Body]++
			}
			mu.Unlock()
			switch way {
			case 0:
				says(429, "retry-after-ms: 1\n", "full")(up, m)
			case 1:
				says(503, "", "full")(up, m)
			case 2: // it has run, and nobody is told
				_ = up.Close()
			case 3:
				says(200, "Connection: close\n", m.Body)(up, m)
				_ = up.Close()
			default:
				says(200, "", m.Body)(up, m)
			}
		}
	}
	e := startSeveral(t, startMember(t, do(0)).URL, startMember(t, do(5)).URL, startMember(t, says(200, "", "spare")).URL)
	const clients, each = 8, 60
	outcomes := make(chan string, clients*each)
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			c := e.Aside().Dial()
			for i := range each {
				body := fmt.Sprintf("%d-%d-%s", client, i, strings.Repeat("x", i*i*10))
				m, err := c.TryAsk(proxytest.CRLF(fmt.Sprintf("POST / HTTP/1.1\nHost: edge\napi-key: %d\nContent-Length: %d\n\n", client, len(body))) + body)
				switch {
				case err != nil:
					outcomes <- err.Error()
				case m.Body == body, m.Body == "spare":
					outcomes <- "answered"
				default:
					outcomes <- fmt.Sprintf("%d %s %.60s", m.Status(), m.Get("x-apim-edge-error"), m.Body)
				}
			}
			_ = c.Close()
		})
	}
	wait.Wait()
	close(outcomes)
	count := map[string]int{}
	for o := range outcomes {
		count[strings.Split(o, " {")[0]]++
	}
	mu.Lock()
	defer mu.Unlock()
	for body, n := range ran {
		if n > 1 {
			t.Errorf("%.20s has run %d times", body, n)
		}
	}
	if lost := count["502 upstream_closed_early"]; count["answered"]+lost != clients*each || count["answered"] == 0 {
		t.Errorf("outcomes %v, want answers, and errors of what has run and not been answered", count)
	}
	e.Seen += clients * each
}
