package proxy_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestALoopEndsAtItsFirstTurn holds that an upstream which leads back to the edge is
// told as what it is, at once (issue 15, B14: one request became 494).
func TestALoopEndsAtItsFirstTurn(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prefix  string // of the upstream's URL
		request string
	}{
		{"a GET", "", proxytest.PlainGet},
		{"a POST", "", proxytest.Request},
		{"the path grows", "/openai", proxytest.Request},
		{"a WebSocket", "", "GET / HTTP/1.1\nHost: edge\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: x\nSec-WebSocket-Version: 13\n\n"},
		{"behind others", "", strings.Replace(proxytest.Request, "\n", "\nVia: 1.0 fred, 1.1 apim-edge\nConnection: via\n", 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), nil)
			testkit.Must(t, e.Use(proxytest.Configuration("http://"+e.Address+tc.prefix, nil)))
			m := e.Ask(tc.request)
			if m.Status() != 508 || !strings.Contains(m.Body, `"code":"loop_detected"`) || !strings.Contains(m.Body, `upstream \"legacy\" leads back`) ||
				m.Get("x-should-retry") != "false" {
				t.Errorf("answer %v, want 508 loop_detected that names the upstream", m)
			}
			causes := map[any]int{}
			causes[e.Exchange()["cause"]]++
			causes[e.Exchange()["cause"]]++
			if causes["loop_detected"] != 1 || causes["complete"] != 1 {
				t.Errorf("the causes are %v, want loop_detected, and complete for the exchange that was answered so", causes)
			}
		})
	}
}

// TestALoopOverAnotherProxyEnds holds that it is the request which tells, not the
// connection that it comes on: what leads back may be somebody else, and another edge.
func TestALoopOverAnotherProxyEnds(t *testing.T) {
	mine := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), nil)
	between := startBetween(t, mine.Address, func(to, from net.Conn) { _, _ = io.Copy(to, from) })
	other := proxytest.StartEdge(t, "http://"+between, nil)
	testkit.Must(t, mine.Use(proxytest.Configuration("http://"+other.Address, nil)))
	if m := mine.Ask(proxytest.Request); m.Status() != 508 || m.Get("x-apim-edge-error") != "" {
		t.Errorf("answer %v, want 508 as it came from there", m)
	}
	mine.Exchange()
	mine.Exchange()
	other.WantExchange(508, "complete")
}

// TestEdgesInARowAreNoLoop holds that each has a name of its own.
func TestEdgesInARowAreNoLoop(t *testing.T) {
	last := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) { answerOnce(up, "ok") }), nil)
	first := proxytest.StartEdge(t, "http://"+last.Address, nil)
	m := first.Ask(strings.Replace(proxytest.Request, "\n", "\nVia: 1.1 apim-edge\n", 1))
	if m.Status() != 200 || m.Body != "ok" {
		t.Errorf("answer %v", m)
	}
	first.WantExchange(200, "complete")
	last.WantExchange(200, "complete")
}

// TestTheEdgeKnowsItsNameAmongOthers holds that it stands for a loop wherever others
// have put it, that the name of another edge does not, and that a page can read the
// answer.
func TestTheEdgeKnowsItsNameAmongOthers(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		for {
			m, err := up.TryHead()
			if err != nil {
				return
			}
			via := m.Get("via")
			up.Send("HTTP/1.1 200 OK\nContent-Length: " + strconv.Itoa(len(via)) + "\n\n" + via)
		}
	}), func(c *config.Config) {
		c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
	})
	mine := strings.TrimPrefix(e.Ask(proxytest.PlainGet).Body, "1.1 ")
	e.WantExchange(200, "complete")
	for _, tc := range []struct {
		via    string
		status int
	}{
		{"1.1 " + mine, 508},
		{"1.1 front (nginx), HTTP/1.1 " + mine + " (on the way), 1.0 fred", 508},
		{"1.0 fred\nX-Other: 1\nVia: 1.1 " + mine, 508},
		{"1.1 apim-edge", 200},
		{"1.1 apim-edge-000000000000, 1.1 apim-edge-", 200},
		{"", 200},
	} {
		m := e.Ask("GET / HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\nVia: " + tc.via + "\n\n")
		if tc.status == 508 {
			proxytest.WantError(t, m, 508, "loop_detected", "false")
			wantReadable(t, m, true)
		} else if m.Status() != tc.status {
			t.Errorf("with Via %q the answer is %v, want %d", tc.via, m, tc.status)
		}
		e.Exchange()
	}
}
