package keyring

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/health"
	"github.com/apim-edge/apim-edge/internal/identity/azure"
	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a ring in an Azure that is played, with a clock of its own.
type place struct {
	*Ring
	t      *testing.T
	cloud  *azuretest.Cloud
	health *health.Set
	log    *log
	id     string // of the vault's reader: no other test has it
	asked  int    // times that the platform was made
}

var ids = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(time.Now().UnixNano() & 0xffffff << 8)
	return &n
}()

// in runs a test in such a place. Nothing may be left of it, and no secret be told.
func in(t *testing.T, test func(p *place)) {
	t.Helper()
	for _, name := range []string{
		"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "MSI_ENDPOINT", "MSI_SECRET", "IMDS_ENDPOINT",
		"AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
	} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	id := fmt.Sprintf("00000000-0000-4000-9000-%012x", ids.Add(1))
	t.Setenv("AZURE_CLIENT_ID", id)
	synctest.Test(t, func(t *testing.T) {
		p := &place{t: t, cloud: &azuretest.Cloud{}, health: &health.Set{}, log: &log{}, id: id}
		p.Ring = New(zerolog.New(p.log), p.health.Register("credentials of upstreams"), func() Platform {
			p.asked++
			return azure.New(azure.Options{Transport: p.cloud})
		})
		test(p)
		p.Close()
		if said := p.log.String() + p.ready() + fmt.Sprint(p.health.Notes()); strings.Contains(said, "s3cret") || strings.Contains(said, "token-") {
			t.Errorf("a secret is told:\n%s", said)
		}
	})
}

func (p *place) ready() string {
	if err := p.health.Ready(); err != nil {
		return err.Error()
	}
	return ""
}

// open opens a credential that is closed at the end of the test.
func (p *place) open(a config.Auth) *upstream.Credential {
	p.t.Helper()
	done := p.Prepare(config.Config{Upstreams: map[string]config.Upstream{"east": {Auth: a}}}, time.Minute)
	c, _, err := p.Open("east", complete(a))
	testkit.Must(p.t, err)
	done()
	synctest.Wait()
	return c
}

func complete(a config.Auth) config.Auth {
	c := config.Config{Upstreams: map[string]config.Upstream{"x": {Auth: a}}}.Complete()
	return c.Upstreams["x"].Auth
}

// identity is a managed identity that no other test has.
func (p *place) identity() config.Auth {
	return config.Auth{ManagedIdentity: config.ManagedIdentity{Resource: "https://cognitiveservices.azure.com", ClientID: p.id}}
}

func want(t *testing.T, c *upstream.Credential, line string) {
	t.Helper()
	synctest.Wait()
	if got := string(c.Shown().Line); got != line && got != line+"\r\n" {
		t.Errorf("shown is %q, want %q", got, line)
	}
}

// log collects lines.
type log struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// want holds the levels of all lines that have come so far, and begins anew.
func (l *log) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var got []string
	for line := range strings.Lines(l.Buffer.String()) {
		_, rest, _ := strings.Cut(line, `"level":"`)
		level, _, _ := strings.Cut(rest, `"`)
		got = append(got, level)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("lines of levels %q, want %q:\n%s", got, want, &l.Buffer)
	}
	l.Reset()
}
