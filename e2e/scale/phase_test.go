package main

import "testing"

// TestTally holds what each ending means to a client, since the last phase.
func TestTally(t *testing.T) {
	before := map[string]int64{"small: complete": 5, "chat: cut": 1}
	after := map[string]int64{
		"small: complete": 9, "preflight: preflight": 1, "chat: cut": 3, "stream: cut": 1, "chat: sent twice": 1,
		"small: looks complete": 1, "small: wrong body": 1, "small: no answer": 2, "tunnel: refused": 1,
		"chat: edge_draining": 1, "chat: refused in front of the edge": 1,
	}
	if got, want := tally(before, after), (count{lost: 5, cut: 3, doubled: 1, short: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if after["small: complete"] != 9 {
		t.Error("what was handed in has changed")
	}
}

// TestAPhaseHoldsWhatItPromises: nothing may be felt of a restart, and a loss must be seen.
func TestAPhaseHoldsWhatItPromises(t *testing.T) {
	for _, tc := range []struct {
		name           string
		raw, sdks      count
		whole, visible bool
	}{
		{"all is well", count{all: 9}, count{all: 9}, true, false},
		{"a cut", count{all: 9, cut: 1}, count{all: 9}, false, true},
		{"a loss of an SDK", count{all: 9}, count{all: 9, lost: 1}, false, true},
		{"a doubled one", count{all: 9, cut: 1, doubled: 1}, count{all: 9}, false, false},
		{"a short one", count{all: 9, cut: 1}, count{all: 9, short: 1}, false, false},
		{"no SDK", count{all: 9}, count{}, false, false},
	} {
		one, other := phase{raw: tc.raw, sdks: tc.sdks}, phase{raw: tc.raw, sdks: tc.sdks}
		one.whole()
		other.visible()
		if whole, visible := len(one.faults) == 0, len(other.faults) == 0; whole != tc.whole || visible != tc.visible {
			t.Errorf("%s: whole %v, visible %v; want %v, %v", tc.name, whole, visible, tc.whole, tc.visible)
		}
	}
}
