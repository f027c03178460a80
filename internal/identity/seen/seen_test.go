package seen

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

type verdict struct {
	until time.Time
	gone  bool
}

func (v *verdict) ValidAt(now time.Time) bool { return !v.gone && now.Unix() < v.until.Unix() }

var (
	policy = sha256.Sum256([]byte("staff"))
	other  = sha256.Sum256([]byte("staff, but narrower"))
	text   = bytes.Repeat([]byte("eyJhbGciOiJSUzI1NiJ9."), 80) // 1.6 KB, as Entra's are
)

func TestWhatIsRemembered(t *testing.T) {
	start := time.Now()
	hour := start.Add(time.Hour)
	for _, tc := range []struct {
		name   string
		v      verdict
		policy *Policy
		text   []byte
		at     time.Time
		want   bool
	}{
		{"at once", verdict{until: hour}, &policy, text, start, true},
		{"just before the end of its time here", verdict{until: hour}, &policy, text, start.Add(5*time.Minute - 1), true},
		{"at the end of its time here", verdict{until: hour}, &policy, text, start.Add(5 * time.Minute), false},
		{"when the token has expired", verdict{until: start.Add(time.Minute)}, &policy, text, start.Add(time.Minute), false},
		{"when its key is gone", verdict{until: hour, gone: true}, &policy, text, start, false},
		{"under another policy", verdict{until: hour}, &other, text, start, false},
		{"a text that is cut", verdict{until: hour}, &policy, text[1:], start, false},
		{"a text that goes on", verdict{until: hour}, &policy, append(bytes.Clone(text), 'x'), start, false},
		{"no text", verdict{until: hour}, &policy, nil, start, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := New[*verdict](1<<20, 5*time.Minute)
			c.Put(&policy, string(text), &tc.v, start)
			if _, got := c.Get(tc.policy, tc.text, tc.at); got != tc.want {
				t.Errorf("found: %v, want %v", got, tc.want)
			}
		})
	}
}

// Two texts of one slot are not taken for each other.
func TestACollisionIsNoMatch(t *testing.T) {
	start := time.Now()
	c := New[*verdict](1<<20, time.Hour)
	slot := c.slot(&policy, text)
	c.held[slot] = entry[*verdict]{policy, "another text", &verdict{until: start.Add(time.Hour)}, start}
	if _, ok := c.Get(&policy, text, start); ok {
		t.Error("a text was taken for another one with its hash")
	}
	c.held[slot] = entry[*verdict]{other, string(text), &verdict{until: start.Add(time.Hour)}, start}
	if _, ok := c.Get(&policy, text, start); ok {
		t.Error("a policy was taken for another one with its hash")
	}
}

// The clock on the wall may leap: it ends tokens, but prolongs nothing here.
func TestALeapOfTheClock(t *testing.T) {
	start := time.Now()
	c := New[*verdict](1<<20, 5*time.Minute)
	c.Put(&policy, string(text), &verdict{until: start.Add(24 * time.Hour)}, start)
	if _, ok := c.Get(&policy, text, start.Add(10*time.Minute).Round(0)); ok {
		t.Error("ten minutes later it is remembered")
	}
}

func TestItIsBounded(t *testing.T) {
	start := time.Now()
	const most = 100 << 10
	c := New[*verdict](most, time.Hour)
	for n := range 10_000 {
		text := fmt.Sprint(n, strings.Repeat("x", n%5000))
		c.Put(&policy, text, &verdict{until: start.Add(time.Hour)}, start)
		if c.Bytes() > most {
			t.Fatalf("%d bytes are remembered", c.Bytes())
		}
		if _, ok := c.Get(&policy, []byte(text), start); !ok {
			t.Fatal("the last one is not remembered")
		}
		c.Put(&policy, text, &verdict{until: start.Add(time.Hour)}, start)
	}
	sum := 0
	for _, e := range c.held {
		sum += e.size()
	}
	if sum != c.Bytes() {
		t.Errorf("%d bytes are held, %d are counted", sum, c.Bytes())
	}
	c.Put(&policy, strings.Repeat("x", most), &verdict{until: start.Add(time.Hour)}, start)
	if _, ok := c.Get(&policy, bytes.Repeat([]byte("x"), most), start); ok || c.Bytes() == 0 {
		t.Error("one that is larger than all room has thrown out the others")
	}
}

func TestWhatHasEndedGoesFirst(t *testing.T) {
	start := time.Now()
	c := New[*verdict](2*overhead+20, time.Hour)
	c.Put(&policy, "good", &verdict{until: start.Add(time.Hour)}, start)
	c.Put(&policy, "ended", &verdict{}, start)
	c.Put(&policy, "new", &verdict{until: start.Add(time.Hour)}, start)
	if _, ok := c.Get(&policy, []byte("good"), start); !ok {
		t.Error("a good one had to go, and one that has ended has stayed")
	}
}

func full(start time.Time) *Cache[*verdict] {
	c := New[*verdict](64<<20, time.Hour)
	for n := range 10_000 {
		c.Put(&policy, fmt.Sprint(n), &verdict{until: start.Add(time.Hour)}, start)
	}
	c.Put(&policy, string(text), &verdict{until: start.Add(time.Hour)}, start)
	return c
}

func TestALookUpAllocatesNothing(t *testing.T) {
	start := time.Now()
	c := full(start)
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := c.Get(&policy, text, start); !ok {
			t.Fatal("it is not remembered")
		}
		c.Get(&policy, text[1:], start)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkGet is what a token costs that has been seen before.
func BenchmarkGet(b *testing.B) {
	start := time.Now()
	c := full(start)
	b.ReportAllocs()
	for b.Loop() {
		c.Get(&policy, text, start)
	}
}
