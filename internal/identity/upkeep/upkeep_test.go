package upkeep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// giver gives a value out, and can be told to behave badly.
type giver struct {
	mu      sync.Mutex
	n       int // fetches
	reading func(n int) (Reading, error)
	hangs   bool
}

func (g *giver) fetch(ctx context.Context) (Reading, error) {
	g.mu.Lock()
	g.n++
	n, hangs, reading := g.n, g.hangs, g.reading
	g.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return Reading{}, ctx.Err()
	}
	return reading(n)
}

func (g *giver) set(hangs bool, reading func(n int) (Reading, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hangs, g.reading = hangs, reading
}

func (g *giver) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

var errOut = errors.New("out of reach")

func fails(int) (Reading, error) { return Reading{}, errOut }

func always(text string) func(int) (Reading, error) {
	return func(int) (Reading, error) { return Reading{Value: secret.New(text)}, nil }
}

// in runs a test with a clock of its own.
func in(t *testing.T, o Options, reading func(n int) (Reading, error), test func(g *giver, k *Kept)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		g := &giver{reading: reading}
		o.Fetch = g.fetch
		if o.Deadline == 0 {
			o.Deadline = 30 * time.Second
		}
		k := Keep(o)
		defer k.Stop()
		<-k.Asked()
		test(g, k)
	})
}

func wantValue(t *testing.T, k *Kept, want string) {
	t.Helper()
	synctest.Wait()
	if got := k.State(); got.Value.Reveal() != want {
		t.Errorf("the value is %q, want %q (error: %v)", got.Value.Reveal(), want, got.Err)
	}
}

func TestARotationIsSeenWithinThePeriod(t *testing.T) {
	in(t, Options{Period: 5 * time.Minute}, always("one"), func(g *giver, k *Kept) {
		wantValue(t, k, "one")
		g.set(false, always("two"))
		time.Sleep(4 * time.Minute)
		wantValue(t, k, "one")
		time.Sleep(time.Minute + time.Second)
		wantValue(t, k, "two")
	})
}

func TestAnOutageKeepsTheLastGoodValue(t *testing.T) {
	in(t, Options{Period: 5 * time.Minute}, always("one"), func(g *giver, k *Kept) {
		g.set(false, fails)
		time.Sleep(24 * time.Hour)
		wantValue(t, k, "one")
		s := k.State()
		if !errors.Is(s.Err, errOut) || s.InARow != s.Failures || s.InARow < 24*12-1 || s.InARow > 24*16+6 {
			t.Errorf("after a day: %d failures, %v; want one every four to five minutes", s.InARow, s.Err)
		}
		g.set(false, always("two"))
		time.Sleep(mostWait + time.Second)
		wantValue(t, k, "two")
		if s := k.State(); s.Err != nil || s.InARow != 0 || s.Failures == 0 {
			t.Errorf("after the outage: %+v", s)
		}
	})
}

func TestASlowGiverHasADeadline(t *testing.T) {
	in(t, Options{Period: 5 * time.Minute, Deadline: 30 * time.Second}, always("one"), func(g *giver, k *Kept) {
		g.set(true, nil)
		time.Sleep(6 * time.Minute)
		wantValue(t, k, "one")
		if err := k.State().Err; err == nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestWhatWasNeverGivenIsAClearState(t *testing.T) {
	in(t, Options{Period: time.Hour}, fails, func(g *giver, k *Kept) {
		wantValue(t, k, "")
		if s := k.State(); !s.Got.IsZero() || !errors.Is(s.Err, errOut) {
			t.Errorf("the state is %+v", s)
		}
		time.Sleep(time.Minute)
		if n := g.count(); n < 3 || n > 5 {
			t.Errorf("asked %d times in the first minute, want soon and then less often", n)
		}
		g.set(false, always("one"))
		time.Sleep(2 * time.Minute)
		wantValue(t, k, "one")
	})
}

// token is one that ends an hour after it was given.
func token(life, refresh time.Duration) func(int) (Reading, error) {
	return func(n int) (Reading, error) {
		r := Reading{Value: secret.New(fmt.Sprint("token ", n)), Expires: time.Now().Add(life)}
		if refresh > 0 {
			r.Refresh = time.Now().Add(refresh)
		}
		return r, nil
	}
}

func TestATokenIsFetchedAheadOfItsEnd(t *testing.T) {
	in(t, Options{}, token(time.Hour, 0), func(_ *giver, k *Kept) {
		time.Sleep(time.Hour - ahead - time.Second)
		wantValue(t, k, "token 1")
		time.Sleep(time.Minute + 2*time.Second)
		wantValue(t, k, "token 2")
	})
}

// TestWhenToAskAgainIsRemembered: the library says it with the first answer only, and
// then answers from its cache.
func TestWhenToAskAgainIsRemembered(t *testing.T) {
	end := 24 * time.Hour
	in(t, Options{}, token(end, 12*time.Hour), func(g *giver, k *Kept) {
		first := k.State()
		cached := func(int) (Reading, error) { return Reading{Value: first.Value, Expires: first.Expires}, nil }
		g.set(false, cached)
		time.Sleep(12*time.Hour - time.Second)
		if n := g.count(); n != 1 {
			t.Errorf("asked %d times before it was due", n)
		}
		time.Sleep(time.Hour)
		if n := g.count(); n < 11 || n > 15 {
			t.Errorf("asked %d times in the hour behind that, want every five minutes", n)
		}
		g.set(false, token(end, 12*time.Hour))
		time.Sleep(mostWait + time.Minute)
		if got := k.State(); got.Value.Equal(first.Value) || !got.Refresh.After(time.Now()) {
			t.Errorf("no new token has come: %+v", got)
		}
	})
}

// TestAnEndedTokenIsNotUsed holds it also while the giver hangs.
func TestAnEndedTokenIsNotUsed(t *testing.T) {
	for name, hangs := range map[string]bool{"the giver hangs": true, "the giver fails": false} {
		t.Run(name, func(t *testing.T) {
			in(t, Options{Deadline: 100 * time.Second}, token(time.Hour, 0), func(g *giver, k *Kept) {
				g.set(hangs, fails)
				time.Sleep(time.Hour - time.Second)
				wantValue(t, k, "token 1")
				time.Sleep(2 * time.Second)
				wantValue(t, k, "")
				g.set(false, token(time.Hour, 0))
				time.Sleep(mostWait + 100*time.Second)
				if k.State().Value.IsZero() {
					t.Errorf("no token, though it is given again: %v", k.State().Err)
				}
			})
		})
	}
}

func TestWhatIsWithdrawnIsNotUsed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		reading func(int) (Reading, error)
	}{
		{"its giver says so", func(int) (Reading, error) { return Reading{}, fmt.Errorf("%w: disabled", ErrWithdrawn) }},
		{"it has ended when it comes", func(int) (Reading, error) {
			return Reading{Value: secret.New("old"), Expires: time.Now()}, nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in(t, Options{Period: 5 * time.Minute}, always("one"), func(g *giver, k *Kept) {
				g.set(false, tc.reading)
				time.Sleep(5*time.Minute + time.Second)
				wantValue(t, k, "")
				if err := k.State().Err; !errors.Is(err, ErrWithdrawn) {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

func TestAPanicOfTheLibraryIsAFailure(t *testing.T) {
	in(t, Options{Period: 5 * time.Minute}, always("one"), func(g *giver, k *Kept) {
		g.set(false, func(int) (Reading, error) { panic("library") })
		time.Sleep(6 * time.Minute)
		wantValue(t, k, "one")
		if !errors.Is(k.State().Err, errPanic) {
			t.Errorf("the error is %v", k.State().Err)
		}
	})
}

// TestADoubtIsFollowedButNoFlood holds that what upstreams refuse is asked for soon,
// however often they refuse it.
func TestADoubtIsFollowedButNoFlood(t *testing.T) {
	in(t, Options{Period: time.Hour}, always("one"), func(g *giver, k *Kept) {
		g.set(false, always("two"))
		for range 600 {
			k.Nudge()
			time.Sleep(100 * time.Millisecond)
		}
		wantValue(t, k, "two")
		if n := g.count(); n < 4 || n > 8 {
			t.Errorf("asked %d times in a minute of doubts", n)
		}
	})
}

// TestANewValueThatIsNotYetValidIsAwaited holds that the old one stays until then.
func TestANewValueThatIsNotYetValidIsAwaited(t *testing.T) {
	in(t, Options{Period: 5 * time.Minute}, always("one"), func(g *giver, k *Kept) {
		from := time.Now().Add(6*time.Minute + 7*time.Second)
		g.set(false, func(int) (Reading, error) {
			if time.Now().Before(from) {
				return Reading{Refresh: from}, errors.New("not yet valid")
			}
			return always("two")(0)
		})
		time.Sleep(time.Until(from) - time.Second)
		wantValue(t, k, "one")
		time.Sleep(time.Second + time.Millisecond)
		wantValue(t, k, "two")
	})
}

func TestEveryNewStateIsTold(t *testing.T) {
	var told []string
	o := Options{Period: 5 * time.Minute, Changed: func(s State) { told = append(told, fmt.Sprint(s.Value.Reveal(), " ", s.Err)) }}
	in(t, o, always("one"), func(g *giver, _ *Kept) {
		g.set(false, fails)
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if len(told) < 2 || told[0] != "one <nil>" || told[1] != "one out of reach" {
			t.Errorf("told %q", told)
		}
	})
}

func TestTheStateIsReadWithoutAllocation(t *testing.T) {
	in(t, Options{Period: time.Hour}, always("one"), func(_ *giver, k *Kept) {
		if n := testing.AllocsPerRun(100, func() { _ = k.State() }); n > 0 {
			t.Errorf("it allocates %v times", n)
		}
	})
}
