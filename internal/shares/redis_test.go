//go:build e2e

// With a real redis-server and valkey-server: go test -tags e2e ./internal/shares

package shares

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/admit"
)

// server is a redis-server or valkey-server, one life after the other.
type server struct {
	*testkit.Program
	t                *testing.T
	path, file, port string
}

// onEach runs a test on both. Valkey is where e2e/install has put it, if not in PATH.
func onEach(t *testing.T, test func(t *testing.T, program string)) {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		t.Run(name, func(t *testing.T) {
			program, err := exec.LookPath(name)
			if err != nil {
				program, err = exec.LookPath(filepath.Join(cmp.Or(os.Getenv("E2E_CACHE"), "../../e2e/.cache"), "valkey", name))
			}
			if err != nil {
				t.Fatalf("%v; e2e/install installs it", err)
			}
			test(t, program)
		})
	}
}

// newServer starts one with further lines in its configuration.
func newServer(t *testing.T, program string, lines ...string) *server {
	t.Helper()
	s := &server{t: t, path: program, port: testkit.UnusedPort(t)}
	lines = append([]string{"bind 127.0.0.1", "port PORT", `save ""`, "dir " + t.TempDir()}, lines...)
	s.file = testkit.File(t, "redis.conf", strings.ReplaceAll(strings.Join(lines, "\n"), "PORT", s.port))
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.Program = testkit.Serve(s.t, "127.0.0.1:"+s.port, exec.Command(s.path, s.file))
}

const (
	reached = "can be asked"
	gone    = "each replica counts for itself"
)

// TestAStoreIsKilledAndComesBack holds what is told, and that a password, a killed server
// and one that hangs are each seen.
func TestAStoreIsKilledAndComesBack(t *testing.T) { onEach(t, aStoreIsKilledAndComesBack) }

func aStoreIsKilledAndComesBack(t *testing.T, program string) {
	t.Setenv("PASSWORD", "s3cret")
	server := newServer(t, program, "requirepass s3cret")
	k := newKeeper(t)
	s, _ := k.open(config.Shared{Redis: "redis://127.0.0.1:" + server.port, Password: "env:PASSWORD"})
	k.await(s, reached, false)
	r := admit.NewRate("r", time.Hour, 8, true, s.Lender)
	for range 4 {
		_, _ = r.Take(admit.Key{1}, time.Now())
	}
	k.awaitMetric("apim_edge_shared_store_shares_total lent", 1)
	server.Kill()
	k.await(s, gone, true)
	if n := k.metric("apim_edge_shared_store_up"); n != 0 {
		t.Errorf("up is %v behind the end of the store", n)
	}
	server.start()
	k.await(s, reached, false)
	server.Signal(syscall.SIGSTOP)
	k.await(s, gone, true)
	server.Signal(syscall.SIGCONT)
	k.await(s, reached, false)
	if strings.Contains(k.log.String(), "s3cret") {
		t.Errorf("the log has the password:\n%s", k.log)
	}
}

func (k *keeper) awaitMetric(name string, want float64) {
	k.t.Helper()
	testkit.Await(k.t, fmt.Sprintf("%s is %v", name, want), func() bool { return k.metric(name) >= want }, k.log.String)
}

func TestAStoreThatRefuses(t *testing.T) { onEach(t, aStoreThatRefuses) }

func aStoreThatRefuses(t *testing.T, program string) {
	t.Setenv("PASSWORD", "wr0ng")
	for name, tc := range map[string]struct {
		line string
		want string
	}{
		"a wrong password":         {"requirepass s3cret", "WRONGPASS"},
		"who may run no script":    {"user default on >wr0ng ~* +@all -eval", "permission"},
		"who may not have the key": {"user default on >wr0ng ~other:* +@all", "permission"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, program, tc.line)
			k := newKeeper(t)
			s, _ := k.open(config.Shared{Redis: "redis://127.0.0.1:" + server.port, Password: "env:PASSWORD"})
			k.await(s, tc.want, true)
			if strings.Contains(k.log.String(), reached) || strings.Contains(k.log.String(), "wr0ng") {
				t.Errorf("the log says\n%s", k.log)
			}
		})
	}
}

func TestAStoreOverTLS(t *testing.T) { onEach(t, aStoreOverTLS) }

func aStoreOverTLS(t *testing.T, program string) {
	certificate := testcert.Temp(t, "store")
	server := newServer(t, program, "port 0", "tls-port PORT", "tls-cert-file "+certificate.CertFile, "tls-key-file "+certificate.KeyFile,
		"tls-ca-cert-file "+certificate.CertFile, "tls-auth-clients no")
	k := newKeeper(t)
	url := "rediss://127.0.0.1:" + server.port
	s, _ := k.open(config.Shared{Redis: url, CAFile: certificate.CertFile})
	k.await(s, reached, false)
	other := newKeeper(t)
	s, _ = other.open(config.Shared{Redis: url})
	other.await(s, "certificate", true)
	other = newKeeper(t)
	s, _ = other.open(config.Shared{Redis: "redis://127.0.0.1:" + server.port})
	other.await(s, gone, true)
}

// TestAClusterOfStores holds that a cluster is a store like any: each question has one key, so
// that the library finds who has it.
func TestAClusterOfStores(t *testing.T) { onEach(t, aClusterOfStores) }

func aClusterOfStores(t *testing.T, program string) {
	server := newServer(t, program, "cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-port "+testkit.UnusedPort(t))
	one, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"127.0.0.1:" + server.port}, ForceSingleClient: true, DisableCache: true})
	testkit.Must(t, err)
	defer one.Close()
	testkit.Must(t, one.Do(t.Context(), one.B().ClusterAddslotsrange().StartSlotEndSlot().StartSlotEndSlot(0, 16383).Build()).Error())
	k := newKeeper(t)
	s, _ := k.open(config.Shared{Redis: "redis://127.0.0.1:" + server.port})
	k.await(s, reached, false)
	r := admit.NewRate("r", time.Hour, 8, true, s.Lender)
	for n := range byte(20) { // keys of different slots, in few questions
		_, _ = r.Take(admit.Key{n}, time.Now())
	}
	k.awaitMetric("apim_edge_shared_store_shares_total lent", 20)
	keys, err := one.Do(t.Context(), one.B().Dbsize().Build()).AsInt64()
	if err != nil || keys < 20 {
		t.Errorf("%d keys in the cluster, %v, want 20", keys, err)
	}
}

// TestTheScript holds what it lends and counts, with a rate of one an hour.
func TestTheScript(t *testing.T) { onEach(t, theScript) }

func theScript(t *testing.T, program string) {
	server := newServer(t, program)
	k := newKeeper(t)
	conf := config.Shared{Redis: "redis://127.0.0.1:" + server.port}
	s, _ := k.open(conf)
	k.await(s, reached, false)
	o, _, err := settings(conf)
	testkit.Must(t, err)
	client, err := (&store{o: o}).connect(t.Context())
	testkit.Must(t, err)
	defer client.Close()
	const hour = 3_600_000_000 // microseconds: nothing is paid while the test runs
	for i, tc := range []struct {
		name                    string
		burst, spent, ago, want int64
		lent, owed              int64 // owed in hours, rounded up
	}{
		{"a share of a burst", 8, 0, 0, 3, 3, 3},
		{"no more than a burst", 8, 0, 0, 100, 8, 8},
		{"what was spent counts", 8, 6, 0, 5, 2, 8},
		{"more than a burst was spent", 8, 20, 0, 5, 0, 20},
		{"it was spent long ago, and is paid", 8, 2, 5 * hour, 1, 1, 1},
		{"it was spent long ago, and is not all paid", 8, 7, 5 * hour, 1, 1, 3},
		{"nothing is asked for", 8, 0, 0, 0, 0, 0},
	} {
		key := "k" + strconv.Itoa(i)
		lent, owed := run(t, client, key, hour, tc.burst*hour, tc.spent, tc.ago, tc.want)
		if lent != tc.lent || (owed+hour-1)/hour != tc.owed {
			t.Errorf("%s: %d lent and a debt of %.3f h, want %d and %d", tc.name, lent, float64(owed)/hour, tc.lent, tc.owed)
		}
	}
	if lent, owed := run(t, client, "k1", hour, 8*hour, 0, 0, 3); lent != 0 || owed > 8*hour || owed < 7*hour {
		t.Errorf("behind a whole burst %d are lent, with a debt of %.3f h", lent, float64(owed)/hour)
	}
	ttl, err := client.Do(t.Context(), client.B().Pttl().Key("k1").Build()).AsInt64()
	if err != nil || ttl < 7*hour/1000 || ttl > 8*hour/1000+1 {
		t.Errorf("a debt of 8 h is kept for %d ms, %v", ttl, err)
	}
}

func run(t *testing.T, client rueidis.Client, key string, args ...int64) (lent, owed int64) {
	t.Helper()
	var texts []string
	for _, a := range args {
		texts = append(texts, fmt.Sprint(a))
	}
	answer, err := client.Do(context.Background(), client.B().Eval().Script(script).Numkeys(1).Key(key).Arg(texts...).Build()).AsIntSlice()
	if err != nil || len(answer) != 2 {
		t.Fatalf("%v, %v", answer, err)
	}
	return answer[0], answer[1]
}
