package census

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/who"
)

// fileState is what is told of the file.
type fileState struct {
	saved, failed, faults atomic.Int64
	last                  atomic.Int64 // Unix time; 0: not yet
	failing               bool         // of the one who saves
	stranger              string       // the run whose file was found, and told of
}

// open takes over what the file has.
func (c *Census) open(now time.Time) {
	loaded, err := load(c.o.File, now)
	log := c.o.Log.With().Str("file", c.o.File).Logger()
	c.file.faults.Add(int64(len(loaded.Faults)))
	switch {
	case err != nil:
		c.file.faults.Add(1)
		log.Warn().Err(err).Msg("the census cannot be read; it begins anew")
	case loaded.Broken != nil:
		c.file.faults.Add(1)
		log.Warn().Err(loaded.Broken).Str("kept", loaded.Aside).Msg("the file of the census is not readable, and was kept aside; the census begins anew")
	case len(loaded.Faults) > 0:
		log.Warn().Int("lines", len(loaded.Faults)).Stringer("first", loaded.Faults[0]).Str("kept", loaded.Aside).
			Msg("lines of the census were passed over; the file was kept aside")
	}
	if !loaded.Found {
		return
	}
	c.takeOver(&loaded.Document, now)
	log.Info().Int("rows", len(c.table.list)).Time("since", c.header.Since).Msg("the census goes on")
	if loaded.Document.Key != c.header.Key {
		log.Warn().Msg("the census has rows whose callers were hashed by another key: one caller can stand in several rows; set census.key to one that stays")
	}
}

// takeOver goes on with a document.
func (c *Census) takeOver(d *Document, now time.Time) {
	c.header.Replica, c.header.Since, c.lost = d.Replica, d.Since, d.Lost
	c.file.stranger = d.Run
	c.table.history.load(d.History)
	rows := slices.Clone(d.Rows)
	for i := range rows {
		switch r := &rows[i]; {
		case r.Keyed == "" && d.Key != c.header.Key && who.KindOf(r.Who) == who.Key:
			r.Keyed = d.Key
		case r.Keyed == c.header.Key:
			r.Keyed = ""
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return b.Last.Compare(a.Last) })
	for i := range rows {
		switch known := c.table.rows[rows[i].Key]; {
		case known != nil:
			known.add(&rows[i])
		case len(c.table.list) < c.table.bound:
			r := c.table.add(rows[i])
			if day := dayOf(now); dayOf(r.Last) == day {
				c.table.history.meetAgain(r.history, r.caller, r.needs, now)
				r.day = day
			}
		default:
			c.table.addOther(&rows[i])
		}
	}
	if d.Others != nil {
		c.table.addOther(d.Others)
	}
}

// keep saves the census once in a while, and at the end.
func (c *Census) keep() {
	ticks := time.NewTicker(c.o.Every)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			c.save()
		case <-c.end:
			c.save()
			return
		}
	}
}

// save writes the file. That it fails is told once, and again when it works.
func (c *Census) save() {
	log := c.o.Log.With().Str("file", c.o.File).Logger()
	if run := runOf(c.o.File); run != "" && run != c.header.Run && run != c.file.stranger {
		c.file.stranger = run
		log.Warn().Msg("another apim-edge writes the same file of the census: what it counts is lost; give each a file of its own")
	}
	d := c.Document()
	if err := save(c.o.File, &d); err != nil {
		c.file.failed.Add(1)
		if !c.file.failing {
			log.Warn().Err(err).Msg("the census cannot be saved; it goes on in memory")
		}
		c.file.failing = true
		return
	}
	c.file.saved.Add(1)
	c.file.last.Store(c.o.Now().Unix())
	if c.file.failing {
		log.Info().Msg("the census is saved again")
	}
	c.file.failing = false
}
