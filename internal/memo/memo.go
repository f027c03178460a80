// Package memo remembers what was made of texts that come again and again, so that only a
// new one costs anything. A table is not locked: it belongs to one loop.
package memo

import "hash/maphash"

// Table has a place for each of a few texts, and no room for more: one drives out another.
// It keeps no text. The zero value is ready, with 64 places.
type Table[V any] struct {
	seed  maphash.Seed
	known []entry[V] // nil: nothing was asked yet
}

type entry[V any] struct {
	digest uint64 // of the text, by a seed that nobody knows; 0: empty
	value  V
}

// New returns a table with so many places, at least one.
func New[V any](places int) Table[V] {
	return Table[V]{seed: maphash.MakeSeed(), known: make([]entry[V], places)}
}

// At returns the place of a text, until it is called again, and whether what is there was
// made of it. Else the caller writes it: what another text has left there may be reused. Two
// texts of one digest are taken for one: that happens once in 2^64, and nobody can choose
// them.
func (t *Table[V]) At(text []byte) (value *V, known bool) {
	if t.known == nil {
		*t = New[V](64)
	}
	digest := maphash.Bytes(t.seed, text) | 1
	e := &t.known[(digest>>1)%uint64(len(t.known))]
	known = e.digest == digest
	e.digest = digest
	return &e.value, known
}
