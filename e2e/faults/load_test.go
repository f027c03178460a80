//go:build e2e

package faults

import (
	"crypto/tls"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// allCodes are the codes of the edge's errors.
var allCodes = func() map[string]bool {
	all := map[string]bool{}
	for _, c := range edgeerr.Codes() {
		all[c.String()] = true
	}
	return all
}()

// fault is one thing that happens to the upstream, and what clients see of it.
type fault struct {
	name  string
	begin func(*upstream)
	seen  []string // outcomes to wait for before it ends
	end   func(*upstream)
}

func inMood(mood string, seen ...string) fault {
	return fault{mood, func(u *upstream) { u.mood(mood) }, seen, func(u *upstream) { u.mood(moodCalm) }}
}

var upstreamFaults = []fault{
	inMood(moodSlow, "complete"),
	inMood(moodTruncate, "cut", "upstream_closed_early"),
	{"killed", (*upstream).kill, []string{"upstream_connect_failed"}, (*upstream).start},
	inMood(moodGarbage, "upstream_invalid_response", "cut"),
	{"hung", func(u *upstream) { u.signal(syscall.SIGSTOP) }, []string{"upstream_head_timeout", "cut"}, func(u *upstream) { u.signal(syscall.SIGCONT) }},
	inMood(moodClose, "upstream_closed_early"),
	{"restarted", func(u *upstream) { u.kill(); u.start() }, []string{"complete"}, func(*upstream) {}},
}

// loadConfig is for a load: no fault lasts long, and nothing is kept for long.
func loadConfig(u *upstream, generation int) string {
	secure := ""
	if u.id != nil {
		secure = fmt.Sprintf("tls: {ca_file: %q}, ", u.id.CertFile)
	}
	return fmt.Sprintf(`upstreams: {legacy: {url: %q, %smax_idle: %d}}
routes: {openai: {path_prefix: /, upstream: legacy, cors: {allowed_origins: [%q]}},
  patient: {path_prefix: %s, upstream: legacy, timeouts: {response_head: 1h, stream_idle: 1h}}}
timeouts: {response_head: 2s, stream_idle: 2s, upstream_keep_alive: 3s, drain: 2s}
`, u.url(), secure, 100+generation%2, page, patient)
}

// leg is how the two sides are spoken to.
type leg struct {
	name   string
	secure bool
}

var legs = []leg{{"plain", false}, {"TLS on both sides", true}}

// stage is an edge between clients and an upstream.
type stage struct {
	*edge
	up     *upstream
	extra  string // configuration
	secure *tls.Config
}

func (l leg) stage(t *testing.T, extra string) *stage {
	t.Helper()
	var id *testcert.Certificate
	s := &stage{extra: extra}
	if l.secure {
		var err error
		if id, err = testcert.New(t.TempDir(), "faults.test"); err != nil {
			t.Fatal(err)
		}
		s.secure = id.Client()
		s.extra += fmt.Sprintf("listen: {address: \"127.0.0.1:0\", tls: {cert_file: %q, key_file: %q}}\n", id.CertFile, id.KeyFile)
	}
	s.up = startUpstream(t, id)
	s.edge = start(t, loadConfig(s.up, 0)+s.extra)
	return s
}

func (s *stage) load(clients int) *book { return startClients(s.t, clients, s.clients, s.secure) }

// reloads changes the configuration every second, sometimes to nonsense.
func (s *stage) reloads(stop <-chan struct{}) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for i := 1; ; i++ {
		select {
		case <-stop:
			return
		case <-every.C:
		}
		if i%5 == 3 {
			s.write("upstreams: {legacy: {url: ftp://x}}\n" + s.extra)
			continue
		}
		s.write(loadConfig(s.up, i) + s.extra)
	}
}

// suffer lets the fault last until clients have seen what comes of it.
func (s *stage) suffer(f fault, b *book) {
	s.t.Helper()
	before := map[string]int{}
	for _, outcome := range f.seen {
		before[outcome] = b.count(outcome)
	}
	f.begin(s.up)
	for _, outcome := range f.seen {
		b.reach(outcome, before[outcome]+5, "the upstream being "+f.name)
	}
	f.end(s.up)
}

// TestFaultsUnderLoad: whatever happens to the upstream, the configuration and the
// clients, each answer is its asker's, whole or visibly cut; credentials go where
// they belong; nothing runs twice; each exchange leaves one access line, the
// counters say the same, each departure reaches the upstream, and in the end
// nothing is left.
func TestFaultsUnderLoad(t *testing.T) {
	for _, l := range legs {
		t.Run(l.name, func(t *testing.T) {
			s := l.stage(t, "")
			before := s.quiet()
			b := s.load(*crowd)
			go s.reloads(b.stop)
			b.await("complete", *crowd, "before any fault")
			for begun, i := time.Now(), 0; i < len(upstreamFaults) || time.Since(begun) < *loadFor; i++ {
				f := upstreamFaults[i%len(upstreamFaults)]
				s.suffer(f, b)
				b.await("complete", *crowd/2, "the upstream having been "+f.name)
			}
			b.halt()
			t.Log(b.seen, "reloads:", s.count("reloaded"))
			if s.count("reloaded") == 0 || s.count("reload failed") == 0 {
				t.Errorf("%d reloads, %d failed: want both", s.count("reloaded"), s.count("reload failed"))
			}

			s.up.wantQuiet()
			s.wantQuiet(before)
			b.report(b.faults)
			b.wantUpstream(s.up)
			b.wantCounters(s.edge)
			s.drained()
			b.wantLines(s.edge, s.up)
		})
	}
}
