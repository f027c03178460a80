package service

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/keyring"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a service with a configuration file.
type running struct {
	*Service
	t    testing.TB
	file string
	log  *proxytest.Log
	http *http.Client
}

// start serves text as a configuration file; {UPSTREAM} in it is url, and the
// listeners are on free ports.
func start(t *testing.T, url, text string) *running {
	t.Helper()
	return startWith(t, url, text, Options{})
}

// startIn is start in a container.
func startIn(t *testing.T, url string, container func() (uint64, error)) *running {
	t.Helper()
	return startWith(t, url, minimal, Options{Container: container})
}

// startOn is start where a platform gives out tokens and secrets.
func startOn(t *testing.T, url, text string, p keyring.Platform) *running {
	t.Helper()
	return startWith(t, url, text, Options{Platform: p})
}

func startWith(t *testing.T, url, text string, o Options) *running {
	t.Helper()
	r := &running{t: t, file: filepath.Join(t.TempDir(), "config.yaml"), log: &proxytest.Log{}, http: &http.Client{}}
	r.write(strings.ReplaceAll(text, "{UPSTREAM}", url))
	o.Load, o.File, o.Log, o.Version = r.load, r.file, r.log, "test"
	s, err := Start(o)
	testkit.Must(t, err)
	r.Service = s
	t.Cleanup(r.http.CloseIdleConnections)
	return r
}

// load has the edge wait for a balancer only where the file says so.
func (r *running) load() (config.Config, error) {
	overrides := map[string]any{"listen.address": "127.0.0.1:0", "admin.address": "127.0.0.1:0", "log.level": "debug"}
	if text, err := os.ReadFile(r.file); err == nil && !strings.Contains(string(text), "drain_delay") {
		overrides["timeouts.drain_delay"] = config.Seconds(0)
	}
	return config.Load(config.Options{File: r.file, Overrides: overrides})
}

// write replaces the file in one step, as editors and ConfigMaps do.
func (r *running) write(text string) {
	r.t.Helper()
	next := r.file + ".next"
	testkit.Write(r.t, next, text)
	testkit.Must(r.t, os.Rename(next, r.file))
}

// admin asks the admin listener.
func (r *running) admin(method, path string) (status int, body string) {
	r.t.Helper()
	answer := testkit.Ask(r.t, r.http, method, "http://"+r.AdminAddress+path, "")
	return answer.StatusCode, answer.Text
}

// aside is r as another goroutine than the test's uses it.
func (r *running) aside() *running {
	aside := *r
	aside.t = testkit.Aside(r.t)
	return &aside
}

// get asks the edge on a connection of its own and returns what comes until the
// edge closes it.
func (r *running) get(path string) string {
	r.t.Helper()
	return r.raw(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: edge\r\napi-key: k1\r\nConnection: close\r\n\r\n", path))
}

// raw sends text as it is and returns what comes. The edge may refuse the request
// before all of it is sent, and cut the answer, but it has to end it.
func (r *running) raw(text string) string {
	r.t.Helper()
	c := proxytest.Dial(r.t, r.Address, nil)
	defer c.Close() //nolint:errcheck // a test's end
	_, _ = io.WriteString(c, text)
	answer, end := c.Rest()
	if end == proxytest.Open {
		r.t.Fatalf("nothing ends this exchange: %.300q; answered so far: %q", text, answer)
	}
	return answer
}

// eventually waits until ok.
func (r *running) eventually(what string, ok func() bool) {
	r.t.Helper()
	proxytest.Eventually(r.t, ok, func() string { return fmt.Sprintf("never: %s; the log:\n%s", what, r.log) })
}

// upstream answers every request with its path and key.
func upstream(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s api-key=%s x-key=%s", r.URL.Path, r.Header.Get("api-key"), r.Header.Get("x-key")) //nolint:errcheck // a test's end
	}))
	t.Cleanup(s.Close)
	return s.URL
}
