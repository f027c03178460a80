package census

import (
	"sync/atomic"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// ringSize is how many sightings wait to be counted: the work of 15 ms of a loop that
// does nothing but small exchanges, half of which it takes to wake who counts.
const ringSize = 1024

// pathBytes is how much of a path is looked at. Those of known clients have 30 to 110
// with their query.
const pathBytes = 128

// Where the parts of a sighting's text stand.
const (
	atFamily = iota
	atReason
	atNeeds
	atKind
	atHash
	atVersion = atHash + 8 // its length, and behind it the version itself
	atPath    = atVersion + 1 + record.VersionBytes
	textBytes = atPath + pathBytes
)

// A sighting is what a loop hands over of one exchange: a fixed value. text has all that
// tells rows apart, but for what is a string anyway.
type sighting struct {
	route, name, model string // name is that of who
	hint, class        uint8
	length             uint8 // of text
	text               [textBytes]byte
}

// A ring takes sightings from one loop to the one who counts. Neither ever waits: where
// it is full, the loop counts what is lost.
type ring struct {
	put   atomic.Uint64
	lost  atomic.Uint64
	seen  uint64 // what the loop knows of took
	_     [40]byte
	took  atomic.Uint64
	_     [56]byte // so that the two sides do not share a cache line
	slots [ringSize]sighting
}

// add hands over what is told of an exchange. It reports whether who counts should look
// now, because half of the ring is full.
func (r *ring) add(of *record.Record) (urgent bool) {
	put := r.put.Load()
	if put-r.seen == ringSize {
		if r.seen = r.took.Load(); put-r.seen == ringSize {
			r.lost.Add(1)
			return false
		}
	}
	r.slots[put%ringSize].take(of)
	r.put.Store(put + 1)
	return (put+1)%(ringSize/2) == 0
}

// drain has f look at each sighting that waits.
func (r *ring) drain(f func(*sighting)) {
	took, put := r.took.Load(), r.put.Load()
	for ; took != put; took++ {
		f(&r.slots[took%ringSize])
		r.took.Store(took + 1)
	}
}

// take copies what is counted of an exchange. Nothing of the record outlives it but
// strings, which are the configuration's or those of package who.
func (s *sighting) take(of *record.Record) {
	s.route, s.name, s.model = of.Route.Name, of.Who.Name, of.Model
	s.hint, s.class = uint8(of.Hint), uint8(classOf(of))
	t := &s.text
	t[atFamily], t[atReason], t[atNeeds], t[atKind] = uint8(of.Client), uint8(of.Reason), uint8(of.Needs), uint8(of.Who.Kind)
	copy(t[atHash:], of.Who.Hash[:])
	clear(t[atVersion:atPath])
	t[atVersion] = uint8(copy(t[atVersion+1:atPath], of.Version))
	s.length = uint8(atPath + copy(t[atPath:], of.Path))
}

// classOf returns what the client got: the class of the status, 0 for nothing.
func classOf(of *record.Record) int {
	if of.Code != edgeerr.None && of.Cut {
		return 0 // it began well, and was cut
	}
	return min(of.Status/100, classes-1)
}
