package shares

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/route"
)

// TestMain holds that nothing is left but what the library leaves behind a client that has
// failed to connect: a goroutine that ends by itself within a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// keeper is one whose log can be read, and of which nothing may be left.
type keeper struct {
	*Keeper
	t   *testing.T
	log *testkit.Log
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{t: t, log: &testkit.Log{}}
	k.Keeper = New(zerolog.New(k.log))
	t.Cleanup(k.Close) // behind all stores
	return k
}

func (k *keeper) open(conf config.Shared) (s route.Store, stop func()) {
	k.t.Helper()
	s, stop, err := k.Open(conf)
	testkit.Must(k.t, err)
	k.t.Cleanup(stop)
	return s, stop
}

// await waits for what the log says, and for whether the store is away then.
func (k *keeper) await(s route.Store, text string, away bool) {
	k.t.Helper()
	testkit.Await(k.t, fmt.Sprintf("the log has %q, and away is %v", text, away), func() bool {
		return strings.Contains(k.log.String(), text) && s.Lender.Away() == away
	}, k.log.String)
}

func (k *keeper) metric(name string) float64 {
	k.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(k.Keeper)
	families, err := registry.Gather()
	testkit.Must(k.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series := f.GetName()
			for _, l := range m.GetLabel() {
				series += " " + l.GetValue()
			}
			if series == name {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	k.t.Fatalf("there is no series %s", name)
	return 0
}

// TestAStoreThatNobodyReaches is told of once, and keeps nobody waiting.
func TestAStoreThatNobodyReaches(t *testing.T) {
	k := newKeeper(t)
	s, _ := k.open(config.Shared{Redis: "redis://127.0.0.1:1"})
	k.await(s, "each replica counts for itself", true)
	r := admit.NewRate("r", time.Second, 2, true, s.Lender)
	if wait, away := r.Take(admit.Key{1}, time.Now()); wait != 0 || away {
		t.Errorf("a request waits %v, away %v", wait, away)
	}
	if n := k.metric("apim_edge_shared_store_up"); n != 0 {
		t.Errorf("up is %v", n)
	}
	time.Sleep(again + again/2) // it has tried once more, and so could have told again
	if n := strings.Count(k.log.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want one:\n%s", n, k.log)
	}
}

func TestAClosedStoreThatNobodyReaches(t *testing.T) {
	k := newKeeper(t)
	s, _ := k.open(config.Shared{Redis: "redis://127.0.0.1:1", Closed: true})
	r := admit.NewRate("r", time.Second, 2, true, s.Lender)
	if wait, away := r.Take(admit.Key{1}, time.Now()); wait != 0 || !away {
		t.Errorf("before anything is known a request waits %v, away %v", wait, away)
	}
	k.await(s, "requests of routes with limits are refused", true)
}

func TestWhatMakesOneStore(t *testing.T) {
	t.Setenv("PASSWORD", "s3cret")
	t.Setenv("SAME_PASSWORD", "s3cret")
	t.Setenv("OTHER_PASSWORD", "other")
	k, other := newKeeper(t), newKeeper(t)
	const url = "redis://127.0.0.1:1"
	a, _ := k.open(config.Shared{Redis: url, Password: "env:PASSWORD"})
	b, stop := k.open(config.Shared{Redis: url, Password: "env:PASSWORD"})
	if a.Lender != b.Lender {
		t.Error("the same settings open another store")
	}
	stop()
	stop() // once is enough: a uses it
	if len(k.stores) != 1 {
		t.Errorf("there are %d stores, want the one that is still open", len(k.stores))
	}
	c, _ := other.open(config.Shared{Redis: "redis://localhost:1", Password: "env:SAME_PASSWORD"})
	if *a.Secret != *c.Secret {
		t.Error("two replicas that know one password have two secrets")
	}
	d, _ := k.open(config.Shared{Redis: url, Password: "env:OTHER_PASSWORD"})
	if *a.Secret == *d.Secret || a.Lender == d.Lender {
		t.Error("another password makes no other store")
	}
	t.Setenv("PASSWORD", "rotated")
	if e, _ := k.open(config.Shared{Redis: url, Password: "env:PASSWORD"}); e.Lender == a.Lender {
		t.Error("a reload behind a rotation goes on with the old password")
	}
	if problems, err := testutil.GatherAndLint(func() *prometheus.Registry {
		r := prometheus.NewRegistry()
		r.MustRegister(k.Keeper)
		return r
	}()); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// TestSettingsThatCannotBeRead say which, and no secret.
func TestSettingsThatCannotBeRead(t *testing.T) {
	file := testkit.File(t, "ca.pem", "no certificate")
	k := newKeeper(t)
	for want, conf := range map[string]config.Shared{
		"redis: ":               {Redis: "http://store"},
		"password: env:MISSING": {Redis: "redis://store", Password: "env:MISSING"},
		"ca_file: open ":        {Redis: "rediss://store", CAFile: file + "x"},
		"ca_file: " + file:      {Redis: "rediss://store", CAFile: file},
	} {
		if _, _, err := k.Open(conf); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", conf, err, want)
		}
	}
}
