package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

// numbered is an upstream that answers with the number of the connection and, where
// the path is /login, with head before the final answer's own fields.
type numbered struct {
	made   atomic.Int64
	closed sync.Map // number of a connection that the edge has closed
}

func (n *numbered) script(interim, fields string) func(*peer) {
	return func(up *peer) {
		number := n.made.Add(1)
		for {
			m, err := up.tryHead()
			if err != nil {
				n.closed.Store(number, true)
				return
			}
			before, with := "", ""
			if strings.Contains(m.first, " /login ") {
				before, with = interim, fields
			}
			up.send(fmt.Sprintf("%sHTTP/1.1 200 OK\n%sContent-Length: %d\n\n%d", before, with, len(fmt.Sprint(number)), number))
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
func numberFor(p *peer, path, authorization string) string {
	p.t.Helper()
	field := ""
	if authorization != "" {
		field = "Authorization: " + authorization + "\n"
	}
	p.send("GET " + path + " HTTP/1.1\nHost: edge\n" + field + "\n")
	return final(p).body
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
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				n := &numbered{}
				e := leg.start(t, nil, n.script(tc.interim, tc.fields))
				alice := e.dial()
				own := numberFor(alice, "/login", tc.authorization)
				met := false
				for range 5 { // the harness has two loops
					bob := e.dial()
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
					eventually(t, func() bool { return n.isClosed(own) }, func() string { return "the connection outlives its client" })
				}
			})
		}
	}
}

// TestABoundConnectionEndsWithItsUpstream holds that a reload which drops or changes
// the upstream closes it between two exchanges, and that one which does not, does not.
func TestABoundConnectionEndsWithItsUpstream(t *testing.T) {
	n := &numbered{}
	other := startUpstream(t, answerOther)
	url := startUpstream(t, n.script("", "WWW-Authenticate: NTLM\n"))
	e := startEdge(t, url, nil)
	c := e.dial()
	own := numberFor(c, "/login", "")
	if err := e.use(configuration(url, func(c *config.Config) {
		c.Routes["more"] = config.Route{PathPrefix: "/more", Upstream: "legacy"}
	})); err != nil {
		t.Fatal(err)
	}
	if again := numberFor(c, "/more", ""); again != own {
		t.Errorf("after a reload that does not change the upstream: connection %s, want %s", again, own)
	}
	if err := e.use(configuration(other, nil)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return n.isClosed(own) }, func() string { return "the connection outlives its upstream" })
	if got := numberFor(c, "/", ""); got != "other" {
		t.Errorf("the next request is answered by %q, want other", got)
	}
}

func answerOther(up *peer) { answerOnce(up, "other"); up.gone() }

// twice answers each request with two messages that tell its path: one is asked for.
// apart has the second sent by itself.
func twice(apart bool) func(*peer) {
	return func(up *peer) {
		for {
			m, err := up.tryHead()
			if err != nil {
				return
			}
			path := strings.Fields(m.first)[1]
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
		for _, leg := range []legs{plain, tlsUpstream} {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				e := leg.start(t, func(c *config.Config) {
					u := c.Upstreams["legacy"]
					u.Share = tc.share
					c.Upstreams["legacy"] = u
				}, twice(tc.apart))
				var all sync.WaitGroup
				for n := range clients {
					c := e.dial()
					own := fmt.Sprintf("/%d/", n)
					all.Go(func() {
						for i := range requests {
							path := own + strconv.Itoa(i)
							if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: edge\r\n\r\n", path); err != nil {
								t.Error(err)
								return
							}
							m, err := c.tryHead()
							if err != nil {
								t.Error(err)
								return
							}
							if m.status() != 200 {
								return // an upstream like this one may be refused
							}
							got := c.finish(m, false).body
							if !tc.apart && got != path || !strings.HasPrefix(got, own) {
								t.Errorf("%s is answered with %s", path, got)
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
		e := startEdge(t, startUpstream(t, n.script("", "")), func(c *config.Config) {
			u := c.Upstreams["legacy"]
			u.Share = share
			c.Upstreams["legacy"] = u
		})
		c := e.dial()
		const requests = 20
		c.send(strings.Repeat(plainGet, requests))
		for range requests {
			if m := c.answer("GET"); m.body != "1" {
				t.Errorf("share %s: a request went up on connection %s, want 1", share, m.body)
			}
		}
	}
}
