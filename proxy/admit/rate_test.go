package admit

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

func keyOf(n uint64) (k Key) {
	// As a keyed hash would, this spreads keys over the table.
	binary.BigEndian.PutUint64(k[:], n*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(k[8:], n)
	return k
}

// TestARateIsKept compares with what a rate means: in no span of time have more passed
// than a burst and one for each interval of it; who is refused is told exactly when he
// may pass.
func TestARateIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(1, 1000).Draw(t, "every"))
		burst := rapid.IntRange(1, 20).Draw(t, "burst")
		r := NewRate("r", every, burst, rapid.Bool().Draw(t, "many"), nil)
		now, k := r.begun, keyOf(7)
		var passed []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*every)).Draw(t, "apart")))
			wait, away := r.Take(k, now)
			if away {
				t.Fatalf("nobody is asked, and away")
			}
			if wait == 0 {
				passed = append(passed, now)
				continue
			}
			if w, _ := r.Take(k, now.Add(wait-1)); w != 1 {
				t.Fatalf("refused for %v, and 1 ns before that for %v, want 1 ns", wait, w)
			}
			now = now.Add(wait)
			if w, _ := r.Take(k, now); w != 0 {
				t.Fatalf("refused for %v, and then again for %v", wait, w)
			}
			passed = append(passed, now)
		}
		for i := range passed {
			for j := i; j < len(passed); j++ {
				if n, most := j-i+1, burst+int(passed[j].Sub(passed[i])/every); n > most {
					t.Fatalf("%d have passed within %v, want %d at most", n, passed[j].Sub(passed[i]), most)
				}
			}
		}
	})
}

func TestABurstThatWasNeverUsedIsThereAtOnce(t *testing.T) {
	r := NewRate("r", time.Second, 3, true, nil)
	now := r.begun.Add(time.Hour)
	for i := range 3 {
		if wait, _ := r.Take(keyOf(1), now); wait != 0 {
			t.Errorf("request %d waits %v", i, wait)
		}
	}
	if wait, _ := r.Take(keyOf(1), now); wait != time.Second {
		t.Errorf("the one behind the burst waits %v, want 1 s", wait)
	}
	if wait, _ := r.Take(keyOf(2), now); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
}

// TestAMillionNewKeysDriveOutNobodyWhoOwes is the attack on every table of a fixed size:
// a flood of keys that are used once. Memory stays as it is, and who was refused before
// is refused for as long as without the flood.
func TestAMillionNewKeysDriveOutNobodyWhoOwes(t *testing.T) {
	for _, burst := range []int{1, 10} { // with 1 an offender owes no more than who is new
		t.Run(fmt.Sprintf("a burst of %d", burst), func(t *testing.T) { aMillionNewKeys(t, burst) })
	}
	if size := unsafe.Sizeof(set{}) * sets * shards; size > 11<<18 {
		t.Errorf("a table has %d bytes, want 2.75 MiB at most", size)
	}
}

func aMillionNewKeys(t *testing.T, burst int) {
	const every = 6 * time.Minute // 10/h: what a key owes is remembered for long
	r := NewRate("r", every, burst, true, nil)
	now := r.begun
	offenders := make([]Key, 50)
	for i := range offenders {
		offenders[i] = keyOf(uint64(i) + 1<<40)
		for range burst {
			if wait, _ := r.Take(offenders[i], now); wait != 0 {
				t.Fatalf("an offender is refused before he is one, for %v", wait)
			}
		}
	}
	var n uint64
	flood := func() {
		n++
		now = now.Add(50 * time.Microsecond)
		_, _ = r.Take(keyOf(n), now)
	}
	if got := testing.AllocsPerRun(1000, flood); got > 0 {
		t.Errorf("a new key allocates %v times, want 0", got)
	}
	for n < 1_000_000 {
		flood()
		if n%10_000 != 0 {
			continue
		}
		for i, k := range offenders {
			if wait, _ := r.Take(k, now); wait == 0 {
				t.Fatalf("behind %d new keys offender %d goes free %v after his last request", n, i, now.Sub(r.begun))
			}
		}
	}
}

// TestAFloodThatOwesNothingDisturbsNobody is the usual case: what a key owes is paid
// within a moment, so that its place is free for another one.
func TestAFloodThatOwesNothingDisturbsNobody(t *testing.T) {
	r := NewRate("r", 100*time.Millisecond, 60, true, nil) // 600/m
	now, n := r.begun, uint64(0)
	regular := keyOf(1 << 40)
	for i := range 500_000 {
		now = now.Add(50 * time.Microsecond) // 20,000 requests a second
		n++
		if wait, _ := r.Take(keyOf(n), now); wait != 0 {
			t.Fatalf("new key %d waits %v", n, wait)
		}
		if i%2000 == 0 { // each 100 ms: all that it may
			if wait, _ := r.Take(regular, now); wait != 0 {
				t.Fatalf("who keeps to the rate waits %v behind %d new keys", wait, n)
			}
		}
	}
}

func BenchmarkTake(b *testing.B) {
	for name, many := range map[string]bool{"one of many keys": true, "the route": false} {
		b.Run(name, func(b *testing.B) {
			r := NewRate("r", time.Nanosecond, 100, many, nil)
			k, now := keyOf(1), time.Now()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = r.Take(k, now)
			}
		})
	}
}
