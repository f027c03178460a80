package census

import (
	"strconv"
	"testing"
)

// TestWhoCountsIsCalledByWhatIsNew: what comes again wakes nobody, and half a tally of
// what is new does once, also when all places have been taken before.
func TestWhoCountsIsCalledByWhatIsNew(t *testing.T) {
	c := start(t, nil)
	loop := newTally()
	again := c.chat("again")
	for range 10 * tallySize {
		if loop.add(&again) {
			t.Fatal("called by what came before")
		}
	}
	begun, waiting := 1, int64(10*tallySize)
	for i := range 5 * tallySize {
		r := c.chat(strconv.Itoa(i))
		called := loop.add(&r)
		begun++
		waiting++
		if called != (begun == tallySize/2) {
			t.Fatalf("called: %v, with %d places begun", called, begun)
		}
		if !called {
			continue
		}
		seen := int64(0)
		loop.drain(func(_ *sighting, times int64) { seen += times })
		if seen != waiting || loop.lost.Load() != 0 {
			t.Fatalf("%d counted and %d lost, want %d", seen, loop.lost.Load(), waiting)
		}
		begun, waiting = 0, 0
	}
}
