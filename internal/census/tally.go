package census

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// tallySize is how many kinds of sightings wait to be counted. Where each exchange is of
// a kind of its own it is the work of 15 ms of a loop that does nothing else, half of
// which it takes to wake who counts.
const tallySize = 1024

// pathBytes is how much of a path is looked at. Those of known clients have 30 to 110
// with their query.
const pathBytes = 128

// A sighting is what a loop hands over of exchanges that are alike.
type sighting struct {
	route, name, model string // name is that of who
	mark
	length uint8 // of path
	path   [pathBytes]byte
}

// A mark is all of a sighting that is no text, and the version of the client.
type mark struct {
	class   uint8
	hint    hint.Hint
	kind    who.Kind
	family  record.Family
	reason  rewrite.Reason
	needs   record.Needs
	hash    [8]byte // of who
	version record.Version
}

// A tally has what one loop has seen and nobody has counted yet: what is alike once, with
// how often it came. So who counts is woken by what is new, or by time, and not by each
// exchange. Nobody ever waits or locks: the loop alone writes sightings, only in places
// of which all is counted, and where there is no such place it counts what is lost.
type tally struct {
	lost      atomic.Int64
	seed      maphash.Seed
	room      int                     // where to look for a place
	begun     int                     // places taken since who counts was called
	short     [512]uint16             // where what is alike may stand, by a digest
	times     [tallySize]atomic.Int64 // how often, not counted yet; 0: all is
	sightings [tallySize]sighting
}

func newTally() *tally { return &tally{seed: maphash.MakeSeed()} }

// add notes what is told of an exchange. It reports whether who counts should look now,
// because half of the places are taken.
func (t *tally) add(of *record.Record) (urgent bool) {
	m := markOf(of)
	path := of.Path[:min(len(of.Path), pathBytes)]
	short := &t.short[t.digest(&m, path)%uint64(len(t.short))]
	if !t.sightings[*short].is(of, &m, path) {
		place, found := t.place()
		if !found {
			t.lost.Add(1)
			return false
		}
		t.sightings[place].take(of, &m, path)
		*short = uint16(place)
	}
	if t.times[*short].Add(1) > 1 {
		return false
	}
	if t.begun++; t.begun < tallySize/2 {
		return false
	}
	t.begun = 0
	return true
}

// tries bounds the search for a place: what comes again and again stands among those
// that are free.
const tries = 8

// place returns one of which all is counted.
func (t *tally) place() (at int, found bool) {
	for range tries {
		at, t.room = t.room, (t.room+1)%tallySize
		if t.times[at].Load() == 0 {
			return at, true
		}
	}
	return 0, false
}

const spread = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio

// digest says where to look. Whoever has the same as another only loses the short way.
func (t *tally) digest(m *mark, path []byte) uint64 {
	d := maphash.Bytes(t.seed, path)
	d ^= (uint64(m.class) | uint64(m.hint)<<8 | uint64(m.kind)<<16 | uint64(m.family)<<24 | uint64(m.reason)<<32 | uint64(m.needs)<<40) * spread
	d ^= binary.NativeEndian.Uint64(m.hash[:])
	d ^= binary.NativeEndian.Uint64(m.version[:8]) * spread
	return d ^ d>>32
}

// drain has count look at all that waits.
func (t *tally) drain(count func(s *sighting, times int64)) {
	for at := range t.times {
		if times := t.times[at].Load(); times > 0 {
			count(&t.sightings[at], times)
			t.times[at].Add(-times) // not before: the loop may write there now
		}
	}
}

// is reports whether an exchange is like what was seen.
func (s *sighting) is(of *record.Record, m *mark, path []byte) bool {
	return s.mark == *m && string(s.path[:s.length]) == string(path) &&
		s.route == of.Route.Name && s.name == of.Who.Name && s.model == of.Model
}

// take copies what is counted of an exchange. Nothing of the record outlives it but
// strings, which are the configuration's or those of package who.
func (s *sighting) take(of *record.Record, m *mark, path []byte) {
	s.route, s.name, s.model = of.Route.Name, of.Who.Name, of.Model
	s.mark = *m
	s.length = uint8(copy(s.path[:], path))
}

func markOf(of *record.Record) mark {
	return mark{
		class: uint8(classOf(of)), hint: of.Hint, kind: of.Who.Kind, family: of.Client, reason: of.Reason, needs: of.Needs,
		hash: of.Who.Hash, version: of.Version,
	}
}

// appendKey appends what of it tells rows apart.
func (m *mark) appendKey(b []byte) []byte {
	b = append(b, uint8(m.kind), uint8(m.family), uint8(m.reason), uint8(m.needs))
	return append(append(b, m.hash[:]...), m.version[:]...)
}

// classOf returns what the client got: the class of the status, 0 for nothing.
func classOf(of *record.Record) int {
	if of.Code != edgeerr.None && of.Cut {
		return 0 // it began well, and was cut
	}
	return min(of.Status/100, classes-1)
}
