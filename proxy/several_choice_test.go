package proxy_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestStickiness holds that a caller stays, that callers are spread, and that chance
// decides where that is wanted.
func TestStickiness(t *testing.T) {
	for _, sticky := range []string{"credential", "none"} {
		t.Run(sticky, func(t *testing.T) {
			a, b := startMember(t, says(200, "", "a")), startMember(t, says(200, "", "b"))
			e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), route(func(r *config.Route) {
				r.Sticky = sticky
				for i := range r.Upstreams {
					r.Upstreams[i].Priority = 1
				}
			})))
			ask := func(key string) string {
				defer e.WantExchange(200, "complete")
				return e.Ask(strings.Replace(proxytest.Request, "0123abcd", key, 1)).Body
			}
			both, one := map[string]bool{}, map[string]bool{}
			for i := range 64 { // by chance all go to one once in 10^19 runs
				both[ask("key-"+strconv.Itoa(i))] = true
				one[ask("mine")] = true
			}
			if len(both) != 2 || (len(one) == 1) != (sticky == "credential") {
				t.Errorf("64 callers are at %v, one caller is at %v", both, one)
			}
		})
	}
}

// TestACanaryGoesBackByAReload holds that a stream on the canary runs on, and that the
// next request of its caller is elsewhere.
func TestACanaryGoesBackByAReload(t *testing.T) {
	more := make(chan struct{})
	a := startMember(t, says(200, "", "main"))
	b := startMember(t, func(up *proxytest.Peer, _ proxytest.Message) {
		up.Send(proxytest.StreamHead + "5\nfirst\n")
		<-more
		up.Send("4\nlast\n0\n\n")
	})
	canary := func(weight int) func(*config.Config) {
		return and(several(a.URL, b.URL), route(func(r *config.Route) {
			r.Upstreams[1].Priority = 1
			r.Upstreams[0].Weight, r.Upstreams[1].Weight = 1, weight
			if weight == 0 {
				r.Upstreams = r.Upstreams[:1]
			}
		}))
	}
	e := proxytest.StartEdge(t, nobody, canary(1_000_000))
	c := e.Dial()
	c.Send(proxytest.Request)
	m := c.Head()
	if c.Chunk() != "first" {
		t.Fatal("the canary was not asked")
	}
	testkit.Must(t, e.Use(proxytest.Configuration(nobody, canary(0))))
	if m := e.Ask(proxytest.Request); m.Body != "main" {
		t.Errorf("the answer is %v", m)
	}
	e.WantExchange(200, "complete")
	close(more)
	if m = c.Finish(m, false); m.Body != "last" {
		t.Errorf("the stream ends with %v", m)
	}
	l := e.Exchange()
	if l["upstream"] != "b" || l["status"] != 200.0 || l["cause"] == "upstream_aborted" {
		t.Errorf("the access line is %v", l)
	}
}

// TestExplainNamesTheOrder holds that it is the order that the request has.
func TestExplainNamesTheOrder(t *testing.T) {
	a, b := startMember(t, says(429, throttle, "full")), startMember(t, says(200, "", "right"))
	e := startSeveral(t, a.URL, b.URL)
	order := func(head string) string {
		x := e.Edge.Explain([]byte(proxytest.CRLF(head)))
		var names []string
		for _, c := range x.Order {
			names = append(names, c.Upstream+": "+c.Why)
		}
		return x.Upstream + "; " + strings.Join(names, "; ")
	}
	const sticks = ", by the hash of the credential"
	if got, want := order(proxytest.Request), "a; a: priority 1, weight 1"+sticks+"; b: priority 2, weight 1"+sticks; got != want {
		t.Errorf("explained as %q, want %q", got, want)
	}
	e.Ask(proxytest.Request)
	e.WantExchange(200, "complete")
	if got, want := order(proxytest.Request), "b; b: priority 2, weight 1"+sticks; got != want {
		t.Errorf("explained as %q, want %q", got, want)
	}
	const stays = "; the request names what is on one resource, and goes nowhere else"
	if got, want := order("GET /openai/v1/files/f HTTP/1.1\nHost: edge\napi-key: 0123abcd\n\n"), "a; a: priority 1, weight 1"+sticks+stays; got != want {
		t.Errorf("explained as %q, want %q", got, want)
	}
	if got, want := order("GET /x HTTP/1.1\nHost: edge\n\n"), "a; a: priority 1, weight 1, by chance; b: priority 2, weight 1, by chance"; got != want {
		t.Errorf("explained as %q, want %q", got, want)
	}
}
