//go:build e2e

package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// TestStaleKeepAliveUnderLoad: an upstream closes its connections whenever it
// likes. No POST runs twice, each answer belongs to its asker, and where one is
// lost, the client is told that it was, and not to repeat it.
func TestStaleKeepAliveUnderLoad(t *testing.T) {
	const clients, posts = 20, 100
	ran := ranOnce{count: map[string]int{}}
	up := listenRaw(t, nil, func(conn net.Conn, request *Message) bool {
		nonce := string(request.Body)
		ran.add(nonce)
		if rand.IntN(10) == 0 {
			return false // dies with the request in its hands
		}
		_, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(nonce), nonce)
		return err == nil && rand.IntN(3) > 0 // closes while idle
	})
	under, _ := startLive(t, simpleConfig("http://"+up.Address))

	var working sync.WaitGroup
	var answered, lost, faults results
	for c := range clients {
		working.Go(func() {
			for p := range posts {
				nonce := fmt.Sprintf("client %d post %d", c, p)
				switch m, err := post(under, nonce); {
				case err != nil:
					faults.add(fmt.Sprintf("%s: %v", nonce, err))
				case m.Status() == 200 && string(m.Body) == nonce:
					answered.add(nonce)
				case m.Status() == 502 && bytes.Contains(m.Body, []byte("upstream_closed_early")) && fmt.Sprint(m.Values("x-should-retry")) == "[false]":
					lost.add(nonce)
				default:
					faults.add(fmt.Sprintf("%s: got %s %v %q", nonce, m.Start, m.Fields, m.Body))
				}
			}
		})
	}
	working.Wait()
	for _, fault := range faults.all[:min(5, len(faults.all))] {
		t.Error(fault)
	}
	if len(answered.all) == 0 || len(lost.all) == 0 {
		t.Errorf("got %d answers and %d losses: the test has not seen both", len(answered.all), len(lost.all))
	}
	for nonce, times := range ran.count {
		if times > 1 {
			t.Errorf("%s ran %d times", nonce, times)
		}
	}
	for _, nonce := range answered.all {
		if ran.count[nonce] != 1 {
			t.Errorf("%s was answered, but ran %d times", nonce, ran.count[nonce])
		}
	}
	if lines := accessLines(t, stopped(t, under)); len(lines) != clients*posts {
		t.Errorf("access lines: got %d, want %d", len(lines), clients*posts)
	}
}

// post sends one POST on a connection of its own.
func post(under *edge.Edge, nonce string) (*Message, error) {
	request := fmt.Sprintf("POST /a HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(nonce), nonce)
	all, end, err := fetch(under.Address(), request, nil)
	if err != nil {
		return nil, err
	}
	m, err := parseResponse(all, "POST", end)
	if err == nil && !m.Complete {
		err = fmt.Errorf("response cut: %q, then %s", all, end)
	}
	return m, err
}

type ranOnce struct {
	mu    sync.Mutex
	count map[string]int
}

func (r *ranOnce) add(nonce string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count[nonce]++
}

type results struct {
	mu  sync.Mutex
	all []string
}

func (r *results) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
}
