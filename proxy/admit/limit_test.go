package admit

import (
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

func limited(every time.Duration, burst, most int) *Limit {
	r := &Limit{Gates: Gates{"limits.requests", "limits.concurrent"}, Told: "the rules"}
	if every > 0 {
		r.Rate = NewRate("r", every, burst, true, nil)
	}
	if most > 0 {
		r.Crowd, r.Most = &Crowd{}, most
	}
	return r
}

func TestBothLimitsOfARoute(t *testing.T) {
	l := limited(time.Minute, 3, 2)
	now := time.Now()
	var in []Pass
	enter := func(name string, k Key, want string, after time.Duration) {
		t.Helper()
		v, pass := l.Enter(k, now)
		if v.String() != want || v.After != after || v.Passes() != (v.Err() == nil) {
			t.Errorf("%s: %q, after %v, want %q, after %v", name, v, v.After, want, after)
		}
		if v.Passes() {
			in = append(in, pass)
		}
	}
	enter("the first", keyOf(1), "limits.requests: passes", 0)
	enter("the second", keyOf(1), "limits.requests: passes", 0)
	enter("the third, while two run", keyOf(1), "limits.concurrent: 429 rate_limited", time.Second)
	enter("another key", keyOf(2), "limits.requests: passes", 0)
	in[0].Leave()
	in[0].Leave() // once is enough
	enter("it was not counted as a request", keyOf(1), "limits.requests: passes", 0)
	in[1].Leave()
	enter("the burst is used up", keyOf(1), "limits.requests: 429 rate_limited", time.Minute)
	for i := range in {
		in[i].Leave()
	}
	if n := l.Crowd.Keys(); n != 0 {
		t.Errorf("something of %d keys runs, want of none: a refused request must not stay counted", n)
	}
	now = now.Add(time.Minute)
	enter("a minute later", keyOf(1), "limits.requests: passes", 0)
}

func TestARefusalSaysWhatTheLogAndTheClientNeed(t *testing.T) {
	l := limited(time.Minute, 1, 0)
	_, _ = l.Enter(Key{}, time.Now())
	v, _ := l.Enter(Key{}, time.Now())
	err, _ := v.Err().(*edgeerr.Error) //nolint:errorlint // it is bare
	if v.Limit != LimitRequests || err == nil || err.Code != edgeerr.RateLimited || err.Message != "the rules" || err.After <= 0 || err.After > time.Minute {
		t.Errorf("got %+v and %+v", v, err)
	}
	l = limited(0, 0, 1)
	_, _ = l.Enter(Key{}, time.Now())
	if v, _ := l.Enter(Key{}, time.Now()); v.Limit != LimitConcurrent {
		t.Errorf("got %+v", v)
	}
}

func TestExplainCountsNothing(t *testing.T) {
	for name, l := range map[string]*Limit{"limits.requests": limited(time.Minute, 1, 1), "limits.concurrent": limited(0, 0, 1)} {
		for range 3 {
			if got, want := l.Explain().String(), name+": passes; the rules"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if v, _ := l.Enter(Key{}, time.Now()); !v.Passes() {
			t.Errorf("behind explain: %v", v)
		}
	}
}

// TestACrowdIsNeverMoreThanItsLimit has many come and go at once on few keys.
func TestACrowdIsNeverMoreThanItsLimit(t *testing.T) {
	const most = 3
	var c Crowd
	var all sync.WaitGroup
	var mu sync.Mutex
	running := map[Key]int{}
	for i := range 32 {
		k := keyOf(uint64(i % 4))
		all.Go(func() {
			for range 500 {
				if !c.Enter(k, most) {
					continue
				}
				mu.Lock()
				if running[k]++; running[k] > most {
					t.Errorf("%d run, want %d at most", running[k], most)
				}
				running[k]--
				mu.Unlock()
				c.Leave(k)
			}
		})
	}
	all.Wait()
	if n := c.Keys(); n != 0 {
		t.Errorf("something of %d keys is left", n)
	}
}
