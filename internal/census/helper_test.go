package census

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// TestMain holds that no census leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is one that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// counted is a census under test.
type counted struct {
	*Census
	t     *testing.T
	log   *proxytest.Log
	clock *clock
	cache *who.Cache
	route *record.Route
}

// start starts a census that is not saved by itself.
func start(t *testing.T, change func(*Options)) *counted {
	t.Helper()
	c := &counted{t: t, log: &proxytest.Log{}, clock: &clock{at: noon}, route: &record.Route{Name: "openai"}}
	o := Options{Loops: 1, Rows: 100, Key: []byte("the key of this census"), Version: "test", Log: zerolog.New(c.log), Every: time.Hour, Now: c.clock.now}
	if change != nil {
		change(&o)
	}
	c.Census = Start(o)
	t.Cleanup(c.Close)
	c.cache = who.NewCache(c.Hasher())
	return c
}

// chat is an exchange of a client with a key.
func (c *counted) chat(key string) record.Record {
	return record.Record{
		Route: c.route, Who: c.cache.Key([]byte(key)), Client: record.FamilyOf([]byte("OpenAI/Python 2.34.0")), Version: clientVersion("2.34.0"),
		Method: []byte("POST"), Path: []byte("/openai/v1/chat/completions"), Reason: rewrite.ReasonBearerKey, Needs: record.NeedsRules, Status: 200, UpstreamStatus: 200,
	}
}

func clientVersion(text string) (v record.Version) {
	copy(v[:], text)
	return v
}

// tell observes a record, n times, and waits where it has to: few can wait.
func (c *counted) tell(r record.Record, n int) {
	for i := range n {
		c.Observe(&r)
		if i%1000 == 999 {
			c.count()
		}
	}
	c.count()
}

// count counts what waits.
func (c *Census) count() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
}

// total is how many exchanges a document tells of.
func total(d Document) (n int64) {
	for _, r := range d.Rows {
		n += r.Counts.Total()
	}
	if d.Others != nil {
		n += d.Others.Counts.Total()
	}
	return n
}

func written(t *testing.T, d Document) string {
	t.Helper()
	var out strings.Builder
	testkit.Must(t, d.Write(&out))
	return out.String()
}
