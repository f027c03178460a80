package trace

import (
	"strings"
	"testing"
)

const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, value string
		valid       bool
		sampled     bool
	}{
		{"sampled", valid, true, true},
		{"not sampled", valid[:54] + "0", true, false},
		{"other flags", valid[:53] + "ff", true, true},
		{"a later version", "01" + valid[2:], true, true},
		{"a later version with more behind it", "cc" + valid[2:] + "-what-comes", true, true},
		{"a later version with more, but no dash", "cc" + valid[2:] + ".what-comes", false, false},
		{"more than the version has", valid + "-00", false, false},
		{"version ff", "ff" + valid[2:], false, false},
		{"no trace", "00-" + strings.Repeat("0", 32) + valid[35:], false, false},
		{"no parent", valid[:36] + strings.Repeat("0", 16) + "-01", false, false},
		{"upper case", strings.ToUpper(valid), false, false},
		{"other digits", strings.Replace(valid, "a", "g", 1), false, false},
		{"other dashes", strings.ReplaceAll(valid, "-", "_"), false, false},
		{"too short", valid[:54], false, false},
		{"empty", "", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, ok := Parse([]byte(tc.value))
			if ok != tc.valid || c.Sampled() != tc.sampled {
				t.Errorf("Parse(%q) = %v, %v; want %v, sampled %v", tc.value, c, ok, tc.valid, tc.sampled)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(valid))
	f.Fuzz(func(t *testing.T, value []byte) {
		c, ok := Parse(value)
		if !ok {
			if c != (Context{}) {
				t.Errorf("Parse(%q) is not valid and says %v", value, c)
			}
			return
		}
		x := &Trace{Context: c}
		x.Begin(Attempt{})
		x.Attempts[0].Span = c.Parent
		if got := string(x.Traceparent()); got[3:] != string(value[3:headerLength]) {
			t.Errorf("%q is written %q", value, got)
		}
	})
}

// TestWhoDecides holds that a parent decides, and the share only where there is none.
func TestWhoDecides(t *testing.T) {
	for _, tc := range []struct {
		name         string
		sampler      Sampler
		parent       string
		traced, anew bool
	}{
		{"off", Sampler{}, "", false, false},
		{"none of them", NewSampler(0), "", false, false},
		{"all of them", NewSampler(1), "", true, true},
		{"a parent that is traced", NewSampler(0), valid, true, false},
		{"a parent that is not", NewSampler(1), valid[:54] + "0", false, false},
		{"a parent that is none", NewSampler(1), "x", true, true},
		{"a parent that is none, and none of them", NewSampler(0), "x", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 100 {
				c, anew, traced := tc.sampler.Begin([]byte(tc.parent))
				if traced != tc.traced || anew != tc.anew {
					t.Fatalf("traced %v, anew %v; want %v, %v", traced, anew, tc.traced, tc.anew)
				}
				if traced && (!c.Sampled() || c.ID == [16]byte{} || anew != (c.Parent == [8]byte{})) {
					t.Fatalf("the context is %v", c)
				}
			}
		})
	}
}

// TestAShareIsAShare holds it within ten standard deviations.
func TestAShareIsAShare(t *testing.T) {
	const n = 100_000
	traced, ids := 0, map[[16]byte]bool{}
	for range n {
		if c, _, yes := NewSampler(0.1).Begin(nil); yes {
			traced++
			ids[c.ID] = true
		}
	}
	if traced < n/10-950 || traced > n/10+950 || len(ids) != traced {
		t.Errorf("%d of %d are traced, with %d ids", traced, n, len(ids))
	}
}

func TestWhatIsNotTracedAllocatesNothing(t *testing.T) {
	s, parent := NewSampler(0), []byte(valid[:54]+"0")
	if n := testing.AllocsPerRun(100, func() { s.Begin(nil); s.Begin(parent) }); n > 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkBegin(b *testing.B) {
	s, parent := NewSampler(0), []byte(valid[:54]+"0")
	b.Run("without a parent", func(b *testing.B) {
		for b.Loop() {
			s.Begin(nil)
		}
	})
	b.Run("with a parent", func(b *testing.B) {
		for b.Loop() {
			s.Begin(parent)
		}
	})
}
