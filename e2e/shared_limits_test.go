//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// limitedEdge is one replica. A store with TLS and a password is what users have.
const limitedEdge = `
admin: {address: "127.0.0.1:0"}
log: {format: json}
upstreams: {key: {url: "%s"}}
routes: {key: {limits: {requests: "%s", burst: %d, concurrent: 100}}}
shared: {redis: "rediss://edge@127.0.0.1:%s", password: "env:E2E_STORE_PASSWORD", ca_file: "%s", closed: %v}
`

// TestReplicasShareOneLimit has two edges let pass what one may, kills their store in the
// middle and starts it again: nobody waits, and the rate is kept again.
func TestReplicasShareOneLimit(t *testing.T) {
	t.Setenv("E2E_STORE_PASSWORD", storePassword)
	store := newStore(t)
	const burst = 16
	var replicas []*edge.Edge
	for range 2 {
		replicas = append(replicas, edge.Run(t, fmt.Sprintf(limitedEdge, shared.Key.URL, "16/h", burst, store.port, certificate.CertFile, false)))
	}
	for _, r := range replicas {
		awaitLine(t, r, "the store that replicas share can be asked")
	}
	// The rate gives nothing while the test runs: all that passes is the burst. A replica
	// that has not heard of the other one yet may let pass a second one, and no third.
	passed := askBoth(t, replicas, "a", 4*burst)
	if passed < burst-1 || passed > 2*burst {
		t.Errorf("two replicas have let %d requests pass, want %d, and %d at most", passed, burst, 2*burst)
	}
	if n := askBoth(t, replicas, "a", burst); n != 0 {
		t.Errorf("behind a burst %d more pass", n)
	}
	// One after the other, with time for the store to answer, is exact: of what one replica
	// has used up nothing is left for the other.
	slowly := 0
	for i := range 2 * burst {
		slowly += passes(t, replicas[i%2], "b")
		awaitAnswer(t, replicas[i%2])
	}
	if slowly > burst || slowly < burst-4 { // what was lent to one and not used
		t.Errorf("one after the other %d requests pass, want %d", slowly, burst)
	}

	store.Kill()
	for _, r := range replicas {
		awaitLine(t, r, "each replica counts for itself")
	}
	if n := askBoth(t, replicas, "c", 4*burst); n != 2*burst {
		t.Errorf("without the store %d requests pass, want the burst of each replica, %d", n, 2*burst)
	}
	store.start()
	for _, r := range replicas {
		awaitMetric(t, r, "apim_edge_shared_store_up", 1)
		// There, gone, there: a line each. A busy machine may lose sight of it once more.
		if !testkit.Eventually(testkit.Patience, func() bool { return strings.HasSuffix(turns(r), "there gone there ") }) {
			t.Fatalf("the log does not say that the store is back: %s\n%s", turns(r), r.Words())
		}
		if text := turns(r); strings.Contains(text, "gone gone") || strings.Contains(text, "there there") {
			t.Errorf("the log says twice what has not changed: %s", text)
		}
	}
	if n := askBoth(t, replicas, "d", 4*burst); n < burst-1 || n > 2*burst {
		t.Errorf("with the store again %d requests pass, want %d, and %d at most", n, burst, 2*burst)
	}
	for _, r := range replicas {
		if log := r.Log(); strings.Contains(log, storePassword) {
			t.Error("the log has the password of the store")
		}
	}
}

// turns returns what the log says of the store: there and gone, by turns.
func turns(r *edge.Edge) (text string) {
	for line := range strings.Lines(r.Log()) {
		switch {
		case strings.Contains(line, "the store that replicas share can be asked"):
			text += "there "
		case strings.Contains(line, "the store that replicas share is away"):
			text += "gone "
		}
	}
	return text
}

// TestAClosedStoreLetsNobodyPass while it is away, and everybody when it is there.
func TestAClosedStoreLetsNobodyPass(t *testing.T) {
	t.Setenv("E2E_STORE_PASSWORD", storePassword)
	store := newStore(t)
	r := edge.Run(t, fmt.Sprintf(limitedEdge, shared.Key.URL, "100000/h", 1000, store.port, certificate.CertFile, true))
	awaitLine(t, r, "can be asked")
	if passes(t, r, "a") != 1 {
		t.Error("a request is refused while the store is there")
	}
	store.Kill()
	awaitLine(t, r, "requests of routes with limits are refused")
	resp := limitedAnswer(t, r, "z")
	if resp.StatusCode != 503 || resp.Header.Get("x-apim-edge-error") != "limits_unavailable" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("answer %s %v", resp.Status, resp.Header)
	}
	store.start()
	awaitMetric(t, r, "apim_edge_shared_store_up", 1)
	if passes(t, r, "z") != 1 {
		t.Error("a request is refused when the store is back")
	}
}

const storePassword = "the-password-of-the-store"

// storeConfig lets its user do what docs/limits.md says, and no more.
const storeConfig = `bind 127.0.0.1
port 0
tls-port PORT
tls-cert-file CERT
tls-key-file KEY
tls-ca-cert-file CERT
tls-auth-clients no
save ""
dir DIR
user default off
user edge on >PASSWORD ~apim-edge:* +@connection +cluster|slots +cluster|shards +eval +get +set +time
`

// store is a redis-server with TLS, one life after the other. It keeps nothing.
type store struct {
	*testkit.Program
	t          *testing.T
	port, file string
}

func newStore(t *testing.T) *store {
	t.Helper()
	port := testkit.UnusedPort(t)
	conf := strings.NewReplacer("PORT", port, "DIR", t.TempDir(), "CERT", certificate.CertFile, "KEY", certificate.KeyFile, "PASSWORD", storePassword).Replace(storeConfig)
	s := &store{t: t, port: port, file: testkit.File(t, "redis.conf", conf)}
	s.start()
	return s
}

func (s *store) start() {
	s.t.Helper()
	s.Program = testkit.Serve(s.t, "127.0.0.1:"+s.port, exec.Command(edge.Find(s.t, "redis-server"), s.file))
}

func limitedAnswer(t testing.TB, r *edge.Edge, key string) testkit.Answer {
	t.Helper()
	return testkit.Ask(t, http.DefaultClient, "GET", "http://"+r.Address()+"/openai/v1/models", "", "Authorization", "Bearer "+key)
}

// passes returns 1 where the request was not refused by the edge, which the upstream may
// do: it does not know these keys.
func passes(t testing.TB, r *edge.Edge, key string) int {
	t.Helper()
	resp := limitedAnswer(t, r, key)
	switch resp.Header.Get("x-apim-edge-error") {
	case "":
		return 1
	case "rate_limited":
		if resp.StatusCode != 429 || resp.Header.Get("retry-after-ms") == "" {
			t.Errorf("answer %s %v", resp.Status, resp.Header)
		}
	default:
		t.Errorf("answer %s of %s", resp.Status, resp.Header.Get("x-apim-edge-error"))
	}
	return 0
}

// askBoth asks n times, each replica in turn, several at a time.
func askBoth(t *testing.T, replicas []*edge.Edge, key string, n int) int {
	t.Helper()
	var passed, next atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				passed.Add(int64(passes(testkit.Aside(t), replicas[i%int64(len(replicas))], key)))
			}
		})
	}
	all.Wait()
	return int(passed.Load())
}

func awaitMetric(t *testing.T, r *edge.Edge, name string, want int) {
	t.Helper()
	testkit.Await(t, fmt.Sprintf("%s is %d", name, want), func() bool { return metric(t, r, name) == want }, r.Words)
}

// awaitAnswer gives the store time to answer once more from now on.
func awaitAnswer(t *testing.T, r *edge.Edge) {
	t.Helper()
	answers := func() int { return metric(t, r, "apim_edge_shared_store_questions_total", `result="ok"`) }
	before := answers()
	testkit.Eventually(testkit.Patience, func() bool { return answers() > before })
}

// metric returns what one scrape says of a metric.
func metric(t *testing.T, r *edge.Edge, name string, labels ...string) int {
	t.Helper()
	m, err := r.Scrape()
	testkit.Must(t, err)
	return m.Sum(name, labels...)
}
