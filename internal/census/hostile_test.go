//go:build !race

package census

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/record"
)

// hostile is a request that was never seen before, whatever makes a row of it.
func (c *counted) hostile(i int) record.Record {
	r := c.chat(fmt.Sprintf("hostile key %d", i))
	r.Path = fmt.Appendf(nil, "/openai/deployments/hostile-%d/chat/completions?api-version=2024-10-21", i)
	r.Version = clientVersion(fmt.Sprintf("1.%d.%d", i%1000, i/1000))
	return r
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAMillionStrangersMoveNobody: with a new key, model and path in each of a million
// requests memory stays flat, and those who come again and again keep their rows: who had
// one before, and who comes in the middle of it.
func TestAMillionStrangersMoveNobody(t *testing.T) {
	const bound, strangers, regulars = 1000, 1_000_000, 50
	c := start(t, func(o *Options) { o.Rows = bound })
	regular := func(from, to int) {
		for i := from; i < to; i++ {
			c.tell(c.chat(fmt.Sprintf("regular %d", i)), 1)
		}
	}
	var before int64
	for i := range strangers {
		r := c.hostile(i)
		c.Observe(&r)
		if i%1000 == 999 {
			regular(0, regulars/2)
		}
		if i%1000 == 999 && i > strangers/2 {
			regular(regulars/2, regulars)
		}
		if i == strangers/10 {
			before = heap()
		}
	}
	c.count()
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes in the last 900,000 requests", grown)
	}
	d := c.Document()
	if len(d.Rows) > bound {
		t.Errorf("%d rows, at most %d", len(d.Rows), bound)
	}
	if got := total(d) + d.Lost; got != strangers+1000*regulars/2+499*regulars/2+regulars/2 {
		t.Errorf("%d counted in all", got)
	}
	found := map[string]int64{}
	for _, r := range d.Rows {
		found[r.Who] += r.Counts.OK
	}
	for i := range regulars {
		want := int64(900) // a few are in others: it came to a table that was full
		if i >= regulars/2 {
			want = 400
		}
		id := c.Hasher().Key(fmt.Appendf(nil, "regular %d", i))
		if got := found[id.String()]; got < want {
			t.Errorf("regular %d: %d exchanges in its row, want %d", i, got, want)
		}
	}
}
