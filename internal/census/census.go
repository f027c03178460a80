// Package census counts who uses the edge and what for, so that its owner learns when it
// can go. It observes the records of exchanges: a loop notes how often what is alike came,
// and everything else is done beside the loops. The rows are bounded, saved to a file, and
// merged across replicas.
//
//	c, err := census.Start(census.Options{Loops: 2, Rows: 5000, File: "/var/lib/apim-edge/census.jsonl"})
//	edge.CountCallers(c.Hasher())
//	edge.Observe(c)
//	...
//	c.Close() // saves for the last time
//
// The limits: preflights, and requests that no route is for, are not counted. What a path
// does not show, such as the model of a v1 request, is not known. Rows hold no credential,
// no body and no address.
package census

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// Options say what to count.
type Options struct {
	// Loops is how many there are; records have their numbers.
	Loops int
	// Rows is how many rows there may be.
	Rows int
	// File is where they are kept; empty: in memory alone.
	File string
	// Key is what credentials are hashed by; empty: one that ends with this start.
	Key     []byte
	Version string
	Log     zerolog.Logger
	// Every is how often the file is written; 0: once a minute.
	Every time.Duration
	// Now is the clock; nil: that of the machine.
	Now func() time.Time
}

// look is how often is counted what nobody calls for.
const look = 500 * time.Millisecond

// longestSave bounds the last save: an end does not wait for a disk that hangs.
const longestSave = 10 * time.Second

// Census counts exchanges.
type Census struct {
	o      Options
	hasher *who.Hasher
	loops  []*tally
	urgent chan struct{} // a tally is half full
	end    chan struct{}
	ended  sync.WaitGroup
	closed sync.Once
	file   fileState

	mu     sync.Mutex // guards what follows
	table  *table
	header Header
	lost   int64 // before this start
	setups []Setup
}

// Start starts a census, with what its file has. Nothing about the file is an error: what
// is wrong with it is told in the log and the metrics, and the edge serves.
func Start(o Options) *Census {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every == 0 {
		o.Every = time.Minute
	}
	c := &Census{o: o, urgent: make(chan struct{}, 1), end: make(chan struct{})}
	now := o.Now()
	c.header = Header{
		Format: format, Replica: random(8), Run: random(8), Edge: o.Version, Fleeting: len(o.Key) == 0, Since: now, Bound: o.Rows,
	}
	if c.header.Fleeting {
		o.Key = []byte(random(16))
	}
	c.hasher = who.NewHasher(o.Key)
	c.header.Key = c.hasher.Fingerprint()
	for range o.Loops {
		c.loops = append(c.loops, newTally())
	}
	c.table = newTable(o.Rows, newHistory(o.Rows))
	if o.File != "" {
		c.open(now)
		c.ended.Go(c.keep)
	}
	c.table.history.all.today(now)
	c.ended.Go(c.run)
	return c
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Hasher is that of the callers.
func (c *Census) Hasher() *who.Hasher { return c.hasher }

// Observe implements record.Observer. It never waits, and allocates nothing.
func (c *Census) Observe(r *record.Record) {
	if r.Route == nil || r.Ending == record.Preflight {
		return
	}
	if c.loops[r.Loop].add(r) {
		select {
		case c.urgent <- struct{}{}:
		default:
		}
	}
}

// SetUp says what is known of the routes of the configuration in use.
func (c *Census) SetUp(setups []Setup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setups = slices.Clone(setups)
}

// run counts what the loops hand over.
func (c *Census) run() {
	ticks := time.NewTicker(look)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-c.urgent:
		case <-c.end:
			return
		}
		c.mu.Lock()
		c.drain()
		c.mu.Unlock()
	}
}

// drain counts what waits in the tallies; mu is held. Day by day there is one even if
// nobody calls: that the edge ran is worth knowing, too.
func (c *Census) drain() {
	now := c.o.Now().Truncate(time.Second).UTC()
	c.table.history.all.today(now)
	for _, t := range c.loops {
		t.drain(func(s *sighting, times int64) { c.table.count(s, times, now) })
	}
}

// Document returns what was counted so far.
func (c *Census) Document() Document {
	d := c.copy()
	sortRows(d.Rows) // while counting goes on
	return d
}

func (c *Census) copy() Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	d := Document{Header: c.header, Setups: c.setups, History: c.table.history.list()}
	d.Written, d.Lost = c.o.Now(), c.lost+c.lostNow()
	d.Rows = make([]Row, 0, len(c.table.list))
	for _, r := range c.table.list {
		d.Rows = append(d.Rows, r.Row)
	}
	if c.table.others != nil {
		others := *c.table.others
		d.Others = &others
	}
	return d
}

func (c *Census) lostNow() (n int64) {
	for _, t := range c.loops {
		n += t.lost.Load()
	}
	return n
}

// Close ends the census, and saves it for the last time. Nobody may call Observe any more.
func (c *Census) Close() {
	c.closed.Do(func() {
		close(c.end)
		done := make(chan struct{})
		go func() { c.ended.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(longestSave):
			c.o.Log.Warn().Str("file", c.o.File).Msg("the census was not saved in time")
		}
	})
}
