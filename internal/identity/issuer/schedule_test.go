package issuer

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnIssuerThatIsAwayAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &issuerDouble{answer: func(*http.Request) (int, string) { return 0, "" }}
		var events []Event
		r, s := start(t, d, func(_ *Source, e Event) { events = append(events, e) })
		synctest.Wait()
		if s.Keys() != nil || !strings.Contains(r.Unreached(), address) || !strings.Contains(r.Unreached(), "refused") {
			t.Fatalf("keys %v, unreached %q", s.Keys(), r.Unreached())
		}
		time.Sleep(time.Hour)
		failed := s.State().Failed
		if failed < 60 || failed > 70 { // 1, 2, 4 ... 60 s, and then every minute
			t.Errorf("asked %d times in an hour, want about 65", failed)
		}
		d.set(func(d *issuerDouble) { d.answer, d.kids = nil, []string{"a"} })
		time.Sleep(time.Minute)
		synctest.Wait()
		if !s.Keys().Has("a") || r.Unreached() != "" || s.Keys().Issuer != "https://id.example.com" {
			t.Errorf("keys %v, unreached %q", s.Keys(), r.Unreached())
		}
		if fmt.Sprint(events) != fmt.Sprint([]Event{Failing, Reached}) {
			t.Errorf("events %v", events)
		}
	})
}

func TestARefreshTakesOverWhatTheIssuerHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &issuerDouble{kids: []string{"a", "b"}}
		var events []Event
		_, s := start(t, d, func(_ *Source, e Event) { events = append(events, e) })
		synctest.Wait()
		a, b := s.Keys().Find("a", "ES256")[0], s.Keys().Find("b", "ES256")[0]
		d.set(func(d *issuerDouble) { d.kids = []string{"b", "c"} })
		time.Sleep(time.Hour)
		synctest.Wait()
		if !s.Keys().Has("c") || s.Keys().Has("a") || !a.Gone() || b.Gone() || s.Keys().Find("b", "ES256")[0] != b {
			t.Errorf("c: %v, a: %v gone %v, b gone %v", s.Keys().Has("c"), s.Keys().Has("a"), a.Gone(), b.Gone())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if fmt.Sprint(events) != fmt.Sprint([]Event{Reached, Changed}) {
			t.Errorf("events %v", events)
		}
		if n := d.questions(); n < 3 || n > 4 {
			t.Errorf("asked %d times in two hours", n)
		}
	})
}

// Whatever an issuer answers, good keys stay.
func TestAnIssuerThatMisbehavesLater(t *testing.T) {
	for name, misbehave := range map[string]func(*issuerDouble){
		"is refused":    func(d *issuerDouble) { d.answer = func(*http.Request) (int, string) { return 0, "" } },
		"hangs":         func(d *issuerDouble) { d.hangs = true },
		"answers 500":   func(d *issuerDouble) { d.answer = func(*http.Request) (int, string) { return 500, "{}" } },
		"answers HTML":  func(d *issuerDouble) { d.answer = func(*http.Request) (int, string) { return 200, "<html>" } },
		"has no keys":   func(d *issuerDouble) { d.kids = nil },
		"is endless":    func(d *issuerDouble) { d.answer = func(*http.Request) (int, string) { return 200, big(2 << 20) } },
		"answers 204":   func(d *issuerDouble) { d.answer = func(*http.Request) (int, string) { return 204, "" } },
		"answers 304":   func(d *issuerDouble) { d.answer = func(*http.Request) (int, string) { return 304, "" } },
		"has odd keys":  func(d *issuerDouble) { d.answer = oddKeys },
		"has no issuer": func(d *issuerDouble) { d.answer = func(*http.Request) (int, string) { return 200, "{}" } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &issuerDouble{kids: []string{"a"}}
				r, s := start(t, d, nil)
				synctest.Wait()
				a := s.Keys().Find("a", "ES256")[0]
				d.set(misbehave)
				time.Sleep(3 * time.Hour)
				synctest.Wait()
				if !s.Keys().Has("a") || a.Gone() || r.Unreached() != "" {
					t.Error("the good key is gone")
				}
				if st := s.State(); st.Err == nil || st.Failed == 0 || time.Since(st.At) < time.Hour {
					t.Errorf("the state does not tell: %+v", st)
				}
				if failed := s.State().Failed; failed > 60 {
					t.Errorf("asked %d times in two hours", failed)
				}
				d.set(func(d *issuerDouble) { d.answer, d.hangs, d.kids = nil, false, []string{"a", "b"} })
				time.Sleep(6 * time.Minute)
				synctest.Wait()
				if !s.Keys().Has("b") || s.State().Err != nil {
					t.Errorf("the issuer is back, and the source is not: %v", s.State().Err)
				}
			})
		})
	}
}

func oddKeys(r *http.Request) (int, string) {
	if r.URL.Path != "/keys" {
		return 200, `{"issuer":"https://id.example.com","jwks_uri":"` + keysAt + `"}`
	}
	return 200, `{"keys":[{"kty":"oct","k":"AAAA","kid":"a"},{"kty":"AKP","kid":"b"},7]}`
}

func TestARotatedKeyIsAcceptedWithinTwoSeconds(t *testing.T) {
	for _, tc := range []struct {
		name  string
		flood time.Duration
	}{{"at rest", 0}, {"behind a flood", time.Minute}, {"behind a long flood", time.Hour}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &issuerDouble{kids: []string{"a"}}
				_, s := start(t, d, nil)
				synctest.Wait()
				stop := flood(s, tc.flood)
				d.set(func(d *issuerDouble) { d.kids = []string{"new", "a"} })
				begun := time.Now()
				if !await(s, "new") {
					t.Error("a token with the new key is refused")
				}
				if took := time.Since(begun); took > 2*time.Second {
					t.Errorf("it took %v", took)
				}
				stop()
			})
		})
	}
}

// flood has 20 clients at a time send tokens with invented keys, for a time, and until
// the function is called that it returns.
func flood(s *Source, d time.Duration) (stop func()) {
	if d == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for c := range 20 {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				s.Await(ctx, fmt.Sprint("invented-", c, "-", n))
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	time.Sleep(d)
	return func() { cancel(); all.Wait() }
}

func TestAFloodOfUnknownKeysCostsTheIssuerLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &issuerDouble{kids: []string{"a"}}
		_, s := start(t, d, nil)
		synctest.Wait()
		before := d.questions()
		flood(s, time.Minute)()
		if n := d.questions() - before; n > burst+40+1 {
			t.Errorf("the issuer was asked %d times in a minute", n)
		} else if n < 30 {
			t.Errorf("the issuer was asked %d times only: a new key would be found late", n)
		}
	})
}

func TestAKeyThatIsKnownToBeMissingIsNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &issuerDouble{kids: []string{"a"}}
		_, s := start(t, d, nil)
		synctest.Wait()
		if await(s, "x") {
			t.Error("x is known")
		}
		n, begun := d.questions(), time.Now()
		for range 100 {
			if await(s, "x") {
				t.Error("x is known")
			}
		}
		if d.questions() != n || time.Since(begun) != 0 {
			t.Errorf("asked %d times more, waited %v", d.questions()-n, time.Since(begun))
		}
		if await(s, "a"); time.Since(begun) != 0 {
			t.Error("a key that is known was waited for")
		}
		time.Sleep(askEvery)
		d.set(func(d *issuerDouble) { d.kids = []string{"a", "x"} })
		if !await(s, "x") {
			t.Error("x is not known though it is there now")
		}
	})
}

func TestWaitingForAKeyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &issuerDouble{kids: []string{"a"}}
		_, s := start(t, d, nil)
		synctest.Wait()
		d.set(func(d *issuerDouble) { d.hangs = true })
		var all sync.WaitGroup
		for n := range maxWaiting {
			all.Go(func() {
				begun := time.Now()
				if await(s, fmt.Sprint(n)) || time.Since(begun) > waitAtMost {
					t.Errorf("waited %v", time.Since(begun))
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		if await(s, "one more"); time.Since(begun) != 0 {
			t.Errorf("one more waits as well, %v", time.Since(begun))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		all.Wait()
		if begun = time.Now(); s.Await(ctx, "z") || time.Since(begun) != 0 {
			t.Error("who has left waits")
		}
	})
}

func TestAnIssuerThatWantsToBeLetAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &issuerDouble{kids: []string{"a"}}
		_, s := start(t, d, nil)
		synctest.Wait()
		d.set(func(d *issuerDouble) {
			d.answer = func(*http.Request) (int, string) { return 429, "" }
			d.header = http.Header{"Retry-After": {"120"}}
		})
		await(s, "x") // 429
		n := d.questions()
		flood(s, 110*time.Second)()
		if d.questions() != n {
			t.Errorf("asked %d times although it said 120 s", d.questions()-n)
		}
		if !s.Keys().Has("a") {
			t.Error("the good key is gone")
		}
	})
}

func TestAPanicOfTheReaderIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &issuerDouble{answer: func(*http.Request) (int, string) { panic("odd") }}
		_, s := start(t, d, nil)
		synctest.Wait()
		if err := s.State().Err; err == nil || !strings.Contains(err.Error(), "odd") {
			t.Errorf("error %v", err)
		}
	})
}
