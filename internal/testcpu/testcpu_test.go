//go:build linux

package testcpu

import (
	"testing"
	"time"
)

// TestSleepCostsNothing holds that waiting does not count, and work does.
func TestSleepCostsNothing(t *testing.T) {
	if cost := Least(5, func() { time.Sleep(50 * time.Millisecond) }); cost > 25*time.Millisecond {
		t.Errorf("to sleep for 50 ms costs %v", cost)
	}
	sum := 0
	if cost := Least(5, func() {
		for i := range 10_000_000 {
			sum ^= i
		}
	}); cost < 100*time.Microsecond {
		t.Errorf("ten million steps cost %v (%d)", cost, sum)
	}
}
