package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// numbered is an upstream that answers with the number of the connection and, where
// the path is /login, with head before the final answer's own fields.
type numbered struct {
	made   atomic.Int64
	closed sync.Map // number of a connection that the edge has closed
}

func (n *numbered) script(interim, fields string) func(*proxytest.Peer) {
	return func(up *proxytest.Peer) {
		number := n.made.Add(1)
		for {
			m, err := up.TryHead()
			if err != nil {
				n.closed.Store(number, true)
				return
			}
			before, with := "", ""
			if strings.Contains(m.First, " /login ") {
				before, with = interim, fields
			}
			up.Send(fmt.Sprintf("%sHTTP/1.1 200 OK\n%sContent-Length: %d\n\n%d", before, with, len(fmt.Sprint(number)), number))
		}
	}
}

func (n *numbered) isClosed(number string) bool {
	found := false
	n.closed.Range(func(k, _ any) bool {
		found = fmt.Sprint(k) == number
		return !found
	})
	return found
}

// numberFor sends one request on the connection and returns the number that answers.
func numberFor(p *proxytest.Peer, path, authorization string) string {
	p.T.Helper()
	field := ""
	if authorization != "" {
		field = "Authorization: " + authorization + "\n"
	}
	p.Send("GET " + path + " HTTP/1.1\nHost: edge\n" + field + "\n")
	return final(p).Body
}

// TestALoginThatBelongsToAConnectionStaysWithItsClient holds that a connection on
// which somebody has logged in, or is about to, serves that client's connection only,
// however it shows, and ends with it.
func TestALoginThatBelongsToAConnectionStaysWithItsClient(t *testing.T) {
	for _, tc := range []struct {
		name, authorization, interim, fields string
		bound                                bool
	}{
		{"NTLM", "NTLM TlRMTVNTUAAB", "", "", true},
		{"Negotiate in small letters", "negotiate YIIC", "", "", true},
		{"a second credential in a list", "Basic YTpi, NTLM TlRM", "", "", true},
		{"NTLM is offered", "", "", "WWW-Authenticate: NTLM\n", true},
		{"a challenge", "", "", "www-authenticate: Negotiate oRQw\n", true},
		{"behind another one in a list", "", "", "WWW-Authenticate: Basic realm=\"a, b\", NTLM\n", true},
		{"in a second line", "", "", "WWW-Authenticate: Bearer\nWWW-Authenticate: nTlM\n", true},
		{"in an interim response", "", "HTTP/1.1 103 Early Hints\nWWW-Authenticate: Negotiate\n\n", "", true},
		{"Persistent-Auth", "", "", "Persistent-Auth: true\n", true},
		{"Persistent-Auth: false", "", "", "Persistent-Auth: false\n", false},
		{"Basic", "Basic TlRMTQ==", "", "WWW-Authenticate: Basic realm=\"NTLM\"\n", false},
		{"Bearer", "Bearer NTLM", "", "WWW-Authenticate: Bearer error=\"negotiate\"\n", false},
		{"nothing", "", "", "", false},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				n := &numbered{}
				e := leg.Start(t, nil, n.script(tc.interim, tc.fields))
				alice := e.Dial()
				own := numberFor(alice, "/login", tc.authorization)
				met := false
				for range 5 { // the harness has two loops
					bob := e.Dial()
					met = numberFor(bob, "/", "") == own || met
				}
				if met == tc.bound {
					t.Errorf("the connection has served another client: %v, want %v", met, !tc.bound)
				}
				if again := numberFor(alice, "/", ""); tc.bound && again != own {
					t.Errorf("the client's next request goes up on connection %s, want %s", again, own)
				}
				_ = alice.Close()
				if tc.bound {
					proxytest.Eventually(t, func() bool { return n.isClosed(own) }, func() string { return "the connection outlives its client" })
				}
			})
		}
	}
}

// TestABoundConnectionEndsWithItsUpstream holds that a reload which drops or changes
// the upstream closes it between two exchanges, and that one which does not, does not.
func TestABoundConnectionEndsWithItsUpstream(t *testing.T) {
	n := &numbered{}
	other := proxytest.StartUpstream(t, answerOther)
	url := proxytest.StartUpstream(t, n.script("", "WWW-Authenticate: NTLM\n"))
	e := proxytest.StartEdge(t, url, nil)
	c := e.Dial()
	own := numberFor(c, "/login", "")
	if err := e.Use(proxytest.Configuration(url, func(c *config.Config) {
		c.Routes["more"] = config.Route{PathPrefix: "/more", Upstream: "legacy"}
	})); err != nil {
		t.Fatal(err)
	}
	if again := numberFor(c, "/more", ""); again != own {
		t.Errorf("after a reload that does not change the upstream: connection %s, want %s", again, own)
	}
	testkit.Must(t, e.Use(proxytest.Configuration(other, nil)))
	proxytest.Eventually(t, func() bool { return n.isClosed(own) }, func() string { return "the connection outlives its upstream" })
	if got := numberFor(c, "/", ""); got != "other" {
		t.Errorf("the next request is answered by %q, want other", got)
	}
}

func answerOther(up *proxytest.Peer) { answerOnce(up, "other"); up.Gone() }

// twice answers each request with two messages that tell its path: one is asked for.
// apart has the second sent by itself.
func twice(apart bool) func(*proxytest.Peer) {
	return func(up *proxytest.Peer) {
		for {
			m, err := up.TryHead()
			if err != nil {
				return
			}
			path := strings.Fields(m.First)[1]
			message := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path)
			if !apart {
				message += message
			}
			if _, err := up.Write([]byte(message)); err != nil {
				return
			}
			if apart {
				_, _ = up.Write([]byte(message)) // the edge may have closed it
			}
		}
	}
}

// TestTwoMessagesForOneRequest holds, with many clients at once: what comes together
// with an answer reaches nobody; and with share: client, whatever comes and whenever
// reaches no other client.
func TestTwoMessagesForOneRequest(t *testing.T) {
	const clients, requests = 12, 40
	for _, tc := range []struct {
		name, share string
		apart       bool
	}{
		{"in one write", "all", false},
		{"in two writes, share: client", "client", true},
	} {
		for _, leg := range []proxytest.Legs{proxytest.Plain, proxytest.TLSUpstream} {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				e := leg.Start(t, func(c *config.Config) {
					u := c.Upstreams["legacy"]
					u.Share = tc.share
					c.Upstreams["legacy"] = u
				}, twice(tc.apart))
				var all sync.WaitGroup
				for n := range clients {
					c := e.Dial()
					own := fmt.Sprintf("/%d/", n)
					all.Go(func() {
						for i := range requests {
							path := own + strconv.Itoa(i)
							m, err := c.TryAsk("GET " + path + " HTTP/1.1\r\nHost: edge\r\n\r\n")
							if err != nil {
								t.Error(err)
								return
							}
							if m.Status() != 200 {
								return // an upstream like this one may be refused
							}
							if !tc.apart && m.Body != path || !strings.HasPrefix(m.Body, own) {
								t.Errorf("%s is answered with %s", path, m.Body)
							}
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// TestPipelinedRequestsShareAConnection holds that a connection which rests for a turn
// of the loop is waited for, and no other one dialed.
func TestPipelinedRequestsShareAConnection(t *testing.T) {
	for _, share := range []string{"all", "client"} {
		n := &numbered{}
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, n.script("", "")), func(c *config.Config) {
			u := c.Upstreams["legacy"]
			u.Share = share
			c.Upstreams["legacy"] = u
		})
		c := e.Dial()
		const requests = 20
		c.Send(strings.Repeat(proxytest.PlainGet, requests))
		for range requests {
			if m := c.Answer("GET"); m.Body != "1" {
				t.Errorf("share %s: a request went up on connection %s, want 1", share, m.Body)
			}
		}
	}
}
