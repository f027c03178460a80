package admin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/internal/config"
)

const never = time.Hour // no bound in time helps

func withoutTimes(s *http.Server) {
	s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = never, never, never, never
}

// TestABodyThatNeverComesHoldsNothing holds that the answer does not wait for it,
// that it is the answer of a request without one, and that no page reads it.
func TestABodyThatNeverComesHoldsNothing(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", "0123456789abcdef")
	l := listen(t, config.Admin{Token: "env:ADMIN_TOKEN", Pprof: true}, nil, withoutTimes)
	const token = "Authorization: Bearer 0123456789abcdef"
	for _, body := range []string{"Content-Length: 1", "Content-Length: 1000000000", "Transfer-Encoding: chunked", "Content-Length: 9\r\nExpect: 100-continue",
		"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000"} {
		for _, tc := range []struct {
			request string
			want    int
		}{
			{head("POST", "/reload", body), 401},
			{head("POST", "/reload", body, token), 200},
			{head("POST", "/reload", body, "Origin: https://evil.example.net"), 403},
			{head("GET", "/healthz", body), 200},
			{head("GET", "/metrics", body), 401},
			{head("GET", "/debug/pprof/heap", body, token), 200},
			{head("GET", "/debug/pprof/trace?seconds=0.01", body, token), 200},
			{head("POST", "/nowhere", body), 404},
			{head("PUT", "/reload", body), 405},
			{head("OPTIONS", "/reload", body), 405},
			{head("OPTIONS", "*", body), 400},
		} {
			c := l.say(tc.request)
			if status, _ := l.answer(c); status != tc.want {
				t.Errorf("%q: status %d, want %d", tc.request, status, tc.want)
			}
			_ = c.Close()
		}
	}
}

// TestAProbeIsAnsweredWhileOthersHoldConnections holds that neither half heads nor
// kept connections, nor answers that nobody reads, keep anybody out, and that the
// number of connections is bounded.
func TestAProbeIsAnsweredWhileOthersHoldConnections(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"silence", ""},
		{"half a head", "POST /reload HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "},
		{"a body that never comes", head("POST", "/reload", "Content-Length: 9")},
		{"kept connections", head("GET", "/healthz")},
		{"answers that nobody reads", strings.Repeat(head("GET", "/config"), 200)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := listen(t, config.Admin{}, nil, withoutTimes)
			for range 4 * maxConnections {
				l.say(tc.text)
			}
			c := l.say(head("GET", "/healthz"))
			if status, body := l.answer(c); status != 200 || body != "ok\n" {
				t.Errorf("the probe got %d %q", status, body)
			}
			l.eventually("the bound", func() bool { return l.open.Load() <= maxConnections })
			if n := strings.Count(l.log.String(), "too many connections"); n == 0 || n > 5 {
				t.Errorf("%d lines tell of it, want a few: %s", n, l.log.String())
			}
		})
	}
}

// TestTheMostSilentOneGoes holds that a scraper that keeps its connection keeps it
// while others come and say nothing.
func TestTheMostSilentOneGoes(t *testing.T) {
	l := listen(t, config.Admin{}, nil, withoutTimes)
	kept := l.say("")
	for round := range 5 {
		for range maxConnections - 2 {
			l.say("")
		}
		l.eventually("all have been taken in", func() bool { return l.taken.Load() == int64(1+(round+1)*(maxConnections-2)) })
		if _, err := io.WriteString(kept, head("GET", "/healthz")); err != nil {
			t.Fatal(err)
		}
		if status, _ := l.answer(kept); status != 200 {
			t.Fatalf("status %d, want 200", status)
		}
	}
}

// TestWhoIsAnsweredIsNotClosedForOthers holds it for a page that takes its time.
func TestWhoIsAnsweredIsNotClosedForOthers(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	l := listen(t, config.Admin{}, func(o *Options) {
		o.Reload = func() error { close(begun); <-end; return nil }
	}, withoutTimes)
	c := l.say(head("POST", "/reload"))
	<-begun
	for range 3 * maxConnections {
		l.say("")
	}
	l.eventually("those have been taken in", func() bool { return strings.Contains(l.log.String(), "too many connections") })
	close(end)
	if status, body := l.answer(c); status != 200 || body != "reloaded\n" {
		t.Errorf("the reload answers %d %q", status, body)
	}
}

// TestReloadsAreBounded holds that one runs and one waits, and that others are told
// to ask again while health and metrics are answered.
func TestReloadsAreBounded(t *testing.T) {
	var running sync.Mutex
	begun, end := make(chan struct{}, 2), make(chan struct{})
	l := listen(t, config.Admin{}, func(o *Options) {
		o.Reload = func() error {
			begun <- struct{}{}
			running.Lock()
			defer running.Unlock()
			<-end
			return nil
		}
	}, nil)
	first, second := l.say(head("POST", "/reload")), l.say(head("POST", "/reload"))
	<-begun
	<-begun
	for range 3 * maxPages {
		if status, body := l.answer(l.say(head("POST", "/reload"))); status != 503 || !strings.Contains(body, "ask again") {
			t.Errorf("a third reload gets %d %q", status, body)
		}
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		if status, _ := l.answer(l.say(head("GET", path))); status != 200 {
			t.Errorf("GET %s = %d meanwhile, want 200", path, status)
		}
	}
	close(end)
	for _, c := range []net.Conn{first, second} {
		if status, _ := l.answer(c); status != 200 {
			t.Errorf("status %d, want 200", status)
		}
	}
}

// TestManyScrapesAreBounded holds that metrics are gathered for a few at a time,
// and that others are told so at once.
func TestManyScrapesAreBounded(t *testing.T) {
	begun, end := make(chan struct{}, 100), make(chan struct{})
	l := listen(t, config.Admin{}, func(o *Options) {
		o.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slow", Help: "Slow."}, func() float64 {
			begun <- struct{}{}
			<-end
			return 1
		}))
	}, nil)
	var slow []net.Conn
	for range maxPages {
		slow = append(slow, l.say(head("GET", "/metrics")))
		<-begun
	}
	for range 3 * maxPages {
		if status, _ := l.answer(l.say(head("GET", "/metrics"))); status != 503 {
			t.Errorf("status %d, want 503", status)
		}
	}
	if status, _ := l.answer(l.say(head("GET", "/readyz"))); status != 200 {
		t.Error("readiness is not answered meanwhile")
	}
	close(end)
	for _, c := range slow {
		if status, _ := l.answer(c); status != 200 {
			t.Errorf("status %d, want 200", status)
		}
	}
	if len(begun) != 0 {
		t.Errorf("%d gatherings too many", len(begun))
	}
}

// TestEverythingHasABoundInTime holds that each way of holding a connection ends by
// itself.
func TestEverythingHasABoundInTime(t *testing.T) {
	l := listen(t, config.Admin{}, nil, nil)
	s := l.server.http
	for name, bound := range map[string]time.Duration{
		"a head": s.ReadHeaderTimeout, "a request": s.ReadTimeout, "an answer": s.WriteTimeout, "silence": s.IdleTimeout,
	} {
		if bound <= 0 || bound > time.Minute {
			t.Errorf("the bound on %s is %v", name, bound)
		}
	}
	if s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 64<<10 {
		t.Errorf("a head may have %d bytes", s.MaxHeaderBytes)
	}
	short := listen(t, config.Admin{}, nil, func(s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
	})
	for name, text := range map[string]string{
		"silence": "", "half a head": "GET / HTTP/1.1\r\nX: ", "a body that never comes": head("POST", "/reload", "Content-Length: 5"), "idle": head("GET", "/healthz"),
	} {
		_, err := io.Copy(io.Discard, short.say(text)) // a reset, too, is an end
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Errorf("%s: the connection stays open", name)
		}
	}
	short.eventually("all are closed", func() bool { return short.open.Load() == 0 })
}

// TestAProfileTakesAsLongAsItWasAskedFor holds that the bounds of a request and of
// an answer do not cut it, and that it has one of its own.
func TestAProfileTakesAsLongAsItWasAskedFor(t *testing.T) {
	l := listen(t, config.Admin{Pprof: true}, nil, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout = 1500*time.Millisecond, 1500*time.Millisecond
	})
	started, profiles := time.Now(), map[string]net.Conn{}
	for _, path := range []string{"profile", "trace", "heap"} {
		profiles[path] = l.say(head("GET", "/debug/pprof/"+path+"?seconds=2", "Connection: close"))
	}
	for path, c := range profiles {
		status, body := l.answer(c)
		if took := time.Since(started); status != 200 || len(body) < 100 || took < 2*time.Second {
			t.Errorf("%s: status %d, %d bytes after %v", path, status, len(body), took)
		}
	}
	for _, path := range []string{"profile", "trace", "heap", "goroutine"} {
		if status, _ := l.answer(l.say(head("GET", "/debug/pprof/"+path+"?seconds=301"))); status != 400 {
			t.Errorf("%s of 301 seconds: status %d, want 400", path, status)
		}
	}
}

// TestAReloadMayTakeLongerThanAnAnswer holds that its result arrives.
func TestAReloadMayTakeLongerThanAnAnswer(t *testing.T) {
	end := make(chan struct{})
	l := listen(t, config.Admin{}, func(o *Options) {
		o.Reload = func() error { <-end; return nil }
	}, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 10*time.Millisecond, 10*time.Millisecond })
	c := l.say(head("POST", "/reload"))
	time.AfterFunc(200*time.Millisecond, func() { close(end) })
	if status, body := l.answer(c); status != 200 || body != "reloaded\n" {
		t.Errorf("the reload answers %d %q", status, body)
	}
}

// TestAWrongTokenIsToldOf holds that the log names the peer, a few times a minute
// and without what was sent, and that the connection ends.
func TestAWrongTokenIsToldOf(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", "0123456789abcdef")
	l := listen(t, config.Admin{Token: "env:ADMIN_TOKEN", Pprof: true}, nil, nil)
	for i := range 50 {
		c := l.say(head("GET", "/debug/pprof/s3cr3t?t=s3cr3t", fmt.Sprintf("Authorization: Bearer s3cr3t-%d", i)))
		if status, _ := l.answer(c); status != 401 {
			t.Errorf("status %d, want 401", status)
		}
		if n, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection goes on: %d, %v", n, err)
		}
	}
	if n := strings.Count(l.log.String(), `"peer":"127.0.0.1:`); n == 0 || n > 5 {
		t.Errorf("%d lines name the peer, want a few: %s", n, l.log.String())
	}
	if strings.Contains(l.log.String(), "s3cr3t") {
		t.Errorf("the log holds what was sent: %s", l.log.String())
	}
}

// TestWhatTheLibrarySaysIsInTheLog holds that a panic, for one, does not go to
// standard error past the log.
func TestWhatTheLibrarySaysIsInTheLog(t *testing.T) {
	l := listen(t, config.Admin{}, func(o *Options) {
		o.Ready = func() error { panic("broken") }
	}, nil)
	for range 20 {
		_, _ = io.Copy(io.Discard, l.say(head("GET", "/readyz", "Authorization: Bearer s3cr3t")))
	}
	if n := strings.Count(l.log.String(), "broken"); n == 0 || n > 5 || strings.Contains(l.log.String(), "s3cr3t") {
		t.Errorf("%d lines tell of it, want a few: %s", n, l.log.String())
	}
	if status, _ := l.answer(l.say(head("GET", "/healthz"))); status != 200 {
		t.Errorf("afterwards /healthz = %d", status)
	}
}
