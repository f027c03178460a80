package census

import (
	"fmt"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// TestWhoComesOnceIsForgottenBeforeWhoComesAgain holds what a full table is for.
func TestWhoComesOnceIsForgottenBeforeWhoComesAgain(t *testing.T) {
	const bound = 10
	c := start(t, func(o *Options) { o.Rows = bound })
	for i := range bound {
		c.tell(c.chat(fmt.Sprintf("often %d", i)), 100)
	}
	for range 50 {
		c.tell(c.chat("seldom"), 1)
	}
	if got := c.seen("seldom"); got != 0 {
		t.Errorf("who came 50 times has pushed out who came 100 times")
	}
	c.tell(c.chat("seldom"), 100)
	if got := c.seen("seldom"); got == 0 {
		t.Error("who came 150 times has no row")
	}
	c.clock.forward(stale + time.Hour)
	c.tell(c.chat("late"), 1)
	c.tell(c.chat("late"), 1)
	if got := c.seen("late"); got != 1 {
		t.Errorf("%d exchanges in the row of who came after all others had gone, want 1: the first is in others", got)
	}
	if d := c.Document(); len(d.Rows) != bound || total(d) != 1000+150+2 {
		t.Errorf("%d rows, %d exchanges", len(d.Rows), total(d))
	}
}

// seen is how often a key was counted in rows.
func (c *counted) seen(key string) (n int64) {
	id := c.Hasher().Key([]byte(key))
	d := c.Document()
	for _, r := range d.Rows {
		if r.Who == id.String() {
			n += r.Counts.Total()
		}
	}
	return n
}

// TestCountingAllocatesNothing holds it for what the loop does, and for the one who counts.
func TestCountingAllocatesNothing(t *testing.T) {
	c := start(t, nil)
	r := c.chat("0123abcd")
	c.tell(r, 1)
	if n := testing.AllocsPerRun(1000, func() { c.Observe(&r) }); n > 0 {
		t.Errorf("the loop allocates %v times", n)
	}
	c.count()
	if n := testing.AllocsPerRun(10, func() {
		for range 500 {
			c.Observe(&r)
		}
		c.count()
	}); n > 2 {
		t.Errorf("500 exchanges allocate %v times", n)
	}
}

// BenchmarkExchange is all that an exchange costs: to know who calls, to hand it over, and
// to count it, for one caller and for a hundred.
func BenchmarkExchange(b *testing.B) {
	c := Start(Options{Loops: 1, Rows: 5000, Key: []byte("k")})
	defer c.Close()
	var agents record.Agents
	cache, agent := who.NewCache(c.Hasher()), []byte("OpenAI/Python 2.34.0")
	one := (&counted{Census: c, cache: cache, route: &record.Route{Name: "openai"}}).chat("")
	for _, callers := range []int{1, 100} {
		var keys [][]byte
		for i := range callers {
			keys = append(keys, fmt.Appendf(nil, "0123456789abcdef0123456789abc%03d", i))
		}
		for _, part := range []string{"loop", "loop and count"} {
			b.Run(fmt.Sprint(part, ", callers ", callers), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					one.Who = cache.Key(keys[i%callers])
					one.Client, one.Version = agents.Look(agent)
					c.Observe(&one)
					if part != "loop" && i%512 == 511 {
						c.count()
					}
				}
			})
		}
	}
}
