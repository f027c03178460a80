package upstream

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// TestAProbe holds what each answer means, and that what is asked is what was written.
func TestAProbe(t *testing.T) {
	for name, tc := range map[string]struct {
		answer      string
		before, now State
	}{
		"200 brings back what has failed":        {"HTTP/1.1 200 OK\r\n\r\n", Open, Closed},
		"401 does as well":                       {"HTTP/1.1 401 Unauthorized\r\n\r\n", Open, Closed},
		"500 opens":                              {"HTTP/1.1 500 X\r\n\r\n", Closed, Open},
		"nothing opens":                          {"", Closed, Open},
		"another protocol opens":                 {"SSH-2.0-OpenSSH_9.9\r\n", Closed, Open},
		"200 leaves alone what is well":          {"HTTP/1.1 200 OK\r\n\r\n", Closed, Closed},
		"200 against what the upstream has said": {"HTTP/1.1 200 OK\r\n\r\n", HalfOpen, Open},
	} {
		for _, leg := range []string{"plain", "TLS"} {
			t.Run(name+", "+leg, func(t *testing.T) { aProbe(t, leg == "TLS", tc.answer, tc.before, tc.now) })
		}
	}
}

func aProbe(t *testing.T, secure bool, answer string, before, now State) {
	l := testkit.Listen(t)
	cert := testcert.Temp(t, "127.0.0.1")
	asked := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if secure {
			c = tls.Server(c, cert.Server())
		}
		defer c.Close()
		line, _ := bufio.NewReader(c).ReadString('\n')
		asked <- strings.TrimSpace(line)
		fmt.Fprint(c, answer)
	}()
	o := Options{
		Address: l.Addr().String(), Connect: time.Minute, TLSHandshake: time.Minute, Breaker: Breaker{Failures: 1, Within: time.Hour, Open: time.Hour},
		Probe: Probe{Path: "/prefix/status", Host: "a", Every: time.Second},
	}
	if secure {
		o.TLS = cert.Client()
	}
	u := New(o, nil)
	defer u.Close()
	switch before {
	case Open:
		u.Health.Failed(CauseConnect, 0, u.Health.Answers())
	case HalfOpen: // here: open, because it has said so
		u.Health.Failed(CauseServerError, time.Minute, u.Health.Answers())
	}
	u.probe()
	if got := <-asked; got != "GET /prefix/status HTTP/1.1" {
		t.Errorf("asked %q", got)
	}
	if got := u.Health.Condition().State; got != now {
		t.Errorf("the upstream is %v, want %v", got, now)
	}
}

// TestProbesBeginAndEnd holds that they are asked again and again, over TLS as well, and
// not behind the end of the upstream; and that nothing is asked for where nobody is
// served.
func TestProbesBeginAndEnd(t *testing.T) {
	loops, err := wire.StartLoops(1, 40*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer wire.CloseLoops(loops)
	cert := testcert.Temp(t, "127.0.0.1")
	l := testkit.Listen(t)
	var asked atomic.Int64
	twice := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_ = c.Close()
			twice <- struct{}{}
		}
	}()
	o := Options{
		Address: l.Addr().String(), TLS: cert.Client(), Connect: time.Minute, TLSHandshake: time.Minute,
		Probe: Probe{Path: "/", Host: "a", Every: time.Millisecond},
	}
	idle := New(o, nil)
	NewGroup(Group{Members: []Member{{Target: &Target{Upstream: idle}}}})
	if idle.probing.Load() {
		t.Error("one that serves nobody is asked")
	}
	u := New(o, loops)
	g := Group{Members: []Member{{Target: &Target{Upstream: u}}}}
	NewGroup(g)
	NewGroup(g)
	<-twice
	<-twice
	u.Close()
}
