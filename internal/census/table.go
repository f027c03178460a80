package census

import (
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/internal/who"
)

// A table holds at most bound rows, whatever clients send. While there is room every key
// gets a row. In a full one a key gets a row when it is seen for the second time, and for
// that the least of a few rows goes into others, if it was not seen more often. So what
// comes again keeps its row, and what comes once, in however many forms, gets none.
//
// What that loses: the first sightings of a late key, which are counted in others, and,
// while a flood of new keys lasts, each new caller who comes less than twice in the time
// in which the flood brings as many keys as there are ghosts.
type table struct {
	bound  int
	rows   map[Key]*row
	list   []*row  // the same, to choose from
	others *Row    // of all keys without a row
	ghosts []ghost // nil until the table is full
	seed   maphash.Seed
	recent [1024]recent // a short way to rows that are seen again
	pick   *rand.Rand

	history *history
}

type row struct {
	Row
	at     int    // in list; -1: gone
	needs  bool   // the caller would miss something
	caller uint64 // a digest of who, for counts of callers
	day    int64  // on which the caller was last counted

	history *routeHistory // nil where there are too many routes
}

// A ghost remembers a key that has no row.
type ghost struct {
	digest uint64
	times  int64
}

type recent struct {
	digest uint64
	row    *row
}

const (
	ghostsPerRow = 8
	sample       = 8 // rows to choose the least of
	// stale is how long a row may not have been seen before any newcomer may take its place.
	stale = 90 * 24 * time.Hour
)

func newTable(bound int, h *history) *table {
	return &table{
		bound: bound, rows: map[Key]*row{}, history: h, seed: maphash.MakeSeed(),
		pick: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), //nolint:gosec // nothing depends on who can guess it
	}
}

// count counts a sighting, as often as it was seen.
func (t *table) count(s *sighting, times int64, now time.Time) {
	digest := t.digest(s)
	short := &t.recent[digest%uint64(len(t.recent))]
	if short.digest != digest || short.row == nil || short.row.at < 0 {
		r := t.find(s, times, digest, now)
		if r == nil {
			t.countOther(s, times, now)
			return
		}
		*short = recent{digest, r}
	}
	r := short.row
	*r.Counts.at(int(s.class)) += times
	r.Last = now
	if s.hint != hint.None {
		r.Hint = s.hint.String()
	}
	day := dayOf(now)
	t.history.count(r.history, times, r.needs, r.caller, r.day != day, now)
	r.day = day
}

// digest is that of all that tells rows apart, by a seed that nobody knows.
func (t *table) digest(s *sighting) uint64 {
	var small [4 + len(s.hash) + len(s.version)]byte
	d := maphash.Bytes(t.seed, s.appendKey(small[:0]))
	d = d*spread + maphash.Bytes(t.seed, s.path[:s.length]) + 1
	for _, text := range [...]string{s.route, s.name, s.model} {
		d = d*spread + maphash.String(t.seed, text) + 1
	}
	return d
}

// find returns the row of a sighting, nil where it gets none.
func (t *table) find(s *sighting, times int64, digest uint64, now time.Time) *row {
	key := keyOf(s)
	if r := t.rows[key]; r != nil {
		return r
	}
	if len(t.list) >= t.bound && !t.makeRoom(digest, times, now) {
		return nil
	}
	return t.add(Row{Key: key, First: now, Last: now})
}

// add adds a row.
func (t *table) add(r Row) *row {
	added := &row{
		Row: r, at: len(t.list), needs: r.Needs != "", caller: maphash.String(t.seed, r.Who), history: t.history.route(r.Route),
	}
	t.rows[r.Key] = added
	t.list = append(t.list, added)
	return added
}

// makeRoom reports whether a key without a row may have one, now that it was seen some
// times more, and makes room for it then.
func (t *table) makeRoom(digest uint64, times int64, now time.Time) bool {
	if t.ghosts == nil {
		t.ghosts = make([]ghost, ghostsPerRow*t.bound)
	}
	g := &t.ghosts[digest%uint64(len(t.ghosts))]
	if g.digest != digest {
		*g = ghost{digest: digest}
	}
	if g.times += times; g.times < 2 {
		return false
	}
	least := t.list[t.pick.IntN(len(t.list))]
	for range sample - 1 {
		if r := t.list[t.pick.IntN(len(t.list))]; r.worth(now) < least.worth(now) {
			least = r
		}
	}
	if least.worth(now) > g.times {
		return false
	}
	*g = ghost{}
	t.remove(least)
	return true
}

// worth is how often a row was seen, 0 where that was long ago.
func (r *row) worth(now time.Time) int64 {
	if now.Sub(r.Last) > stale {
		return 0
	}
	return r.Counts.Total()
}

func (t *table) remove(r *row) {
	last := t.list[len(t.list)-1]
	t.list[r.at], last.at = last, r.at
	t.list = t.list[:len(t.list)-1]
	r.at = -1
	delete(t.rows, r.Key)
	t.addOther(&r.Row)
}

func (t *table) addOther(r *Row) {
	if t.others == nil {
		t.others = &Row{First: r.First}
	}
	t.others.add(r)
	t.others.Hint = ""
}

// countOther counts a sighting that has no row.
func (t *table) countOther(s *sighting, times int64, now time.Time) {
	one := Row{First: now, Last: now}
	*one.Counts.at(int(s.class)) = times
	t.addOther(&one)
	caller := maphash.String(t.seed, callerOf(s))
	t.history.count(t.history.route(s.route), times, s.needs != 0, caller, true, now)
}

// keyOf returns the key of a sighting. Its texts are of fixed sets, of the configuration,
// or short and looked at.
func keyOf(s *sighting) Key {
	p := placeOf(s.path[:s.length])
	k := Key{
		Route: s.route, Who: callerOf(s), Client: s.family.String(), Version: s.version.String(),
		Reason: s.reason.String(), Needs: strings.Join(s.needs.List(), " "),
		Shape: p.shape, Operation: p.operation, APIVersion: p.version, Model: p.model,
	}
	if s.model != "" {
		k.Model = s.model
	}
	return k
}

func callerOf(s *sighting) string {
	return who.ID{Kind: s.kind, Hash: s.hash, Name: strings.Clone(s.name)}.String()
}
