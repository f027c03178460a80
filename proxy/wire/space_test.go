//go:build !race

package wire

import "testing"

// TestAHeldBodyLeavesNothingToTheCollector (not under the race detector, which empties pools
// by chance) holds that what buffers grow to is used again.
func TestAHeldBodyLeavesNothingToTheCollector(t *testing.T) {
	l, piece := &Loop{}, make([]byte, BufSize)
	allocs := testing.AllocsPerRun(100, func() {
		b := l.GetBuf()
		b.Add(piece)
		b.Hold(1000)
		for b.MakeRoom(200 << 10) {
			b.Add(piece[:min(len(piece), len(b.Free()))])
		}
		b.Let()
		b.Release()
	})
	if allocs >= 1 { // a collection meanwhile empties them
		t.Errorf("%v allocations", allocs)
	}
}
