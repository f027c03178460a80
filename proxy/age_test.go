package proxy

import (
	"testing"
	"time"
)

// TestConnectionsDoNotLeaveTogether holds that a connection retires within the last
// fifth of its time, each at a moment of its own, and never later than is said.
func TestConnectionsDoNotLeaveTogether(t *testing.T) {
	const most, begun = 10 * time.Minute, time.Hour
	retired := 0
	for range 1000 {
		a := newAge(begun)
		if a.beyond(most, begun+most*4/5-time.Second) {
			t.Fatalf("%v retires before four fifths of its time", a)
		}
		if !a.beyond(most, begun+most) {
			t.Fatalf("%v does not retire at its time", a)
		}
		if a.beyond(most, begun+most*9/10) {
			retired++
		}
	}
	if retired < 300 || retired > 700 {
		t.Errorf("%d of 1000 have retired in the middle of that fifth, want half of them", retired)
	}
}
