package upstream

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// groupOf makes a group of texts such as "ptu 1 100": name, priority and weight.
func groupOf(sticky bool, members ...string) *Group {
	g := Group{Sticky: sticky, Salt: "openai", Hash: func(c []byte) [32]byte { return sha256.Sum256(c) }}
	for _, text := range members {
		var m Member
		var name string
		if _, err := fmt.Sscan(text, &name, &m.Priority, &m.Weight); err != nil {
			panic(err)
		}
		m.Target = &Target{Upstream: &Upstream{Options: Options{Name: name}, Health: healthy(usual)}}
		g.Members = append(g.Members, m)
	}
	return NewGroup(g)
}

func (g *Group) health(name string) *Health {
	i := slices.IndexFunc(g.Members, func(m Member) bool { return m.Name == name })
	return g.Members[i].Health
}

func (g *Group) open(names ...string) {
	for _, name := range names {
		for range usual.Failures {
			g.health(name).Failed(CauseConnect, 0, g.health(name).Answers())
		}
	}
}

// order returns the names of what a request would try.
func (g *Group) order(credential string, stays bool) string {
	c := Choice{Caller: g.CallerOf([]byte(credential)), Stays: stays}
	var names []string
	for m := g.Next(&c); m != nil; m = g.Next(&c) {
		names = append(names, m.Name)
	}
	return strings.Join(names, " ")
}

func key(i int) string { return fmt.Sprintf("%032x", i) }

// TestSharesFollowTheWeights holds it for callers and for chance: within five standard
// deviations, so that it does not fail by chance.
func TestSharesFollowTheWeights(t *testing.T) {
	const n = 20_000
	for _, sticky := range []bool{true, false} {
		g := groupOf(sticky, "east 1 70", "west 1 25", "canary 1 5", "spare 2 100", "idle 1 0")
		count := map[string]int{}
		for i := range n {
			c := Choice{Caller: g.CallerOf([]byte(key(i)))}
			count[g.Next(&c).Name]++
		}
		for name, share := range map[string]float64{"east": .70, "west": .25, "canary": .05, "spare": 0, "idle": 0} {
			if off := math.Abs(float64(count[name]) - share*n); off > 5*math.Sqrt(n*share*(1-share)) {
				t.Errorf("sticky %v: %d of %d requests go to %s, want %v", sticky, count[name], n, name, share*n)
			}
		}
	}
}

// TestACallerStays holds that a choice is the same in each process, on each replica and
// behind each reload.
func TestACallerStays(t *testing.T) {
	var places []string
	for i := range 12 {
		places = append(places, groupOf(true, "east 1 50", "west 1 50").order(key(i), false)[:4])
	}
	const want = "[west west east west west west east east west east west west]"
	if got := fmt.Sprint(places); got != want {
		t.Errorf("callers are at\n%s, and used to be at\n%s", got, want)
	}
}

// TestAWeightMovesNoMoreThanItsShare holds that no caller moves between two members
// whose weights have not changed, and none against the change.
func TestAWeightMovesNoMoreThanItsShare(t *testing.T) {
	const n = 5000
	place := func(i int, members ...string) string {
		g := groupOf(true, members...)
		c := Choice{Caller: g.CallerOf([]byte(key(i)))}
		return g.Next(&c).Name
	}
	for _, tc := range []struct {
		name  string
		after []string
		grows string
		share float64 // of all, that moves
	}{
		{"a canary gets more", []string{"east 1 70", "west 1 25", "canary 1 20"}, "canary", 20./115 - 5./100},
		{"a member comes", []string{"east 1 70", "west 1 25", "canary 1 5", "north 1 25"}, "north", 25. / 125},
		{"all weights double", []string{"east 1 140", "west 1 50", "canary 1 10"}, "", 0},
		{"they stand in another order", []string{"canary 1 5", "west 1 25", "east 1 70"}, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			moved := 0
			for i := range n {
				was, is := place(i, "east 1 70", "west 1 25", "canary 1 5"), place(i, tc.after...)
				if was != is {
					moved++
					if is != tc.grows {
						t.Fatalf("caller %d moves from %s to %s", i, was, is)
					}
				}
			}
			if off := math.Abs(float64(moved) - tc.share*n); off > 5*math.Sqrt(n*tc.share*(1-tc.share)) {
				t.Errorf("%d of %d callers move, want %v", moved, n, tc.share*n)
			}
		})
	}
}

// TestTheOrderOfOneRequest holds who is asked, in which order, and who is left alone.
func TestTheOrderOfOneRequest(t *testing.T) {
	all := []string{"ptu 1 1", "east 2 1000", "west 2 1", "far 3 1"}
	me := groupOf(true).CallerOf([]byte("me")).slot
	for _, tc := range []struct {
		name   string
		change func(g *Group)
		stays  bool
		want   string
	}{
		{"by priority, then by weight", func(*Group) {}, false, "ptu east west far"},
		{"one that names an id stays", func(*Group) {}, true, "ptu"},
		{"what is open is left out", func(g *Group) { g.open("ptu", "west") }, false, "east far"},
		{"one that names an id stays where it is open", func(g *Group) { g.open("ptu") }, true, "ptu"},
		{"what throttles the caller is left out", func(g *Group) { g.health("ptu").Throttle(me, time.Second) }, false, "east west far"},
		{"what throttles another one is not", func(g *Group) { g.health("ptu").Throttle(me+1, time.Second) }, false, "ptu east west far"},
		{"one that names an id stays where it is throttled", func(g *Group) { g.health("ptu").Throttle(me, time.Second) }, true, "ptu"},
		{"where all are open, the first is asked nevertheless", func(g *Group) { g.open("ptu", "east", "west", "far") }, false, "ptu"},
		{
			"but not where it throttles",
			func(g *Group) {
				g.open("ptu", "east", "west", "far")
				g.health("ptu").Throttle(me, time.Second)
			},
			false, "east",
		},
		{
			"nor where it has said that it is unavailable",
			func(g *Group) {
				g.open("east", "west", "far")
				g.health("ptu").Failed(CauseServerError, time.Second, g.health("ptu").Answers())
			},
			false, "east",
		},
		{
			"where all throttle, nobody is asked",
			func(g *Group) {
				for i := range g.Members {
					g.Members[i].Health.Throttle(me, time.Second)
				}
			},
			false, "",
		},
		{"what is due is asked in its place", func(g *Group) { g.open("ptu"); time.Sleep(usual.Open) }, false, "ptu east west far"},
		{
			"by one at a time",
			func(g *Group) {
				g.open("ptu")
				time.Sleep(usual.Open)
				g.order("another", false)
			},
			false, "east west far",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := groupOf(true, all...)
				tc.change(g)
				if got := g.order("me", tc.stays); got != tc.want {
					t.Errorf("the request would try %q, want %q", got, tc.want)
				}
			})
		})
	}
}

// TestACanaryByCallers holds that those who are named come first, go back to the others
// where it fails, and that nobody else gets there.
func TestACanaryByCallers(t *testing.T) {
	g := groupOf(true, "main 1 1", "canary 1 0")
	g.Members[1].Callers = map[[32]byte]struct{}{sha256.Sum256([]byte("me")): {}}
	for credential, want := range map[string]string{"me": "canary main", "you": "main", "": "main"} {
		if got := g.order(credential, false); got != want {
			t.Errorf("%q would try %q, want %q", credential, got, want)
		}
	}
}

// TestSoonest holds that it is the shortest wait of the caller, where there is nowhere to
// go without one.
func TestSoonest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := groupOf(true, "ptu 1 1", "east 2 1", "hidden 2 0")
		me := g.CallerOf([]byte("me"))
		want := func(d time.Duration) {
			t.Helper()
			if got := g.Soonest(&Choice{Caller: me}); got != d {
				t.Errorf("soonest in %v, want %v", got, d)
			}
		}
		want(0)
		g.health("hidden").Throttle(me.slot, time.Second)
		want(0)
		g.health("ptu").Throttle(me.slot, 20*time.Second)
		want(0)
		g.open("east")
		want(usual.Open)
		time.Sleep(usual.Open)
		want(0)
		g.health("east").Throttle(me.slot, time.Minute)
		want(20*time.Second - usual.Open)
	})
}

// TestWhoseFailureItIs holds that what became of an attempt is told of the member that
// was asked, and that a request which has seen nothing lets the next one see.
func TestWhoseFailureItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := groupOf(true, "a 1 1", "b 2 1")
		c := Choice{Caller: g.CallerOf([]byte("me"))}
		g.Next(&c)
		g.Throttled(&c, time.Minute)
		g.Next(&c)
		g.Failed(&c, CauseServerError, time.Minute)
		if a, b := g.health("a"), g.health("b"); a.look(c.slot) != throttled || a.Condition().State != Closed || b.Condition().State != Open {
			t.Errorf("a is %v, b is %v", a.Condition(), b.Condition())
		}
		time.Sleep(time.Minute)
		for range 3 {
			c = Choice{Caller: c.Caller}
			if g.Next(&c); g.Next(&c).Name != "b" || !c.seeing {
				t.Fatal("want b to be looked at")
			}
			g.Undecided(&c)
		}
		g.Next(&c)
		c = Choice{Caller: c.Caller}
		g.Next(&c)
		g.Next(&c)
		g.Succeeded(&c)
		if s := g.health("b").Condition().State; s != Closed {
			t.Errorf("b is %v behind an answer", s)
		}
	})
}

// TestAFailureCountsFromWhereItWasSent holds that what was answered while requests were on
// their way is counted against those of them that fail.
func TestAFailureCountsFromWhereItWasSent(t *testing.T) {
	for answered, want := range map[int]State{0: Open, 2: Open, 100: Closed} {
		g := groupOf(true, "a 1 1", "b 2 1")
		var hang [3]Choice
		for i := range hang {
			hang[i] = Choice{Caller: g.CallerOf([]byte("me"))}
			g.Next(&hang[i])
		}
		for range answered {
			c := Choice{Caller: g.CallerOf([]byte("me"))}
			g.Next(&c)
			g.Succeeded(&c)
		}
		for i := range hang {
			g.Failed(&hang[i], CauseNoAnswer, 0)
		}
		if s := g.health("a").Condition().State; s != want {
			t.Errorf("with %d answers: %v, want %v", answered, s, want)
		}
	}
}

// TestAChoiceAllocatesNothing holds it with as many members as there may be.
func TestAChoiceAllocatesNothing(t *testing.T) {
	var members []string
	for i := range MaxMembers {
		members = append(members, fmt.Sprintf("m%d %d 10", i, i/4+1))
	}
	g := groupOf(true, members...)
	credential := []byte(key(1))
	if n := testing.AllocsPerRun(100, func() {
		c := Choice{Caller: g.CallerOf(credential)}
		g.Next(&c)
		g.Succeeded(&c)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkChoice(b *testing.B) {
	for _, members := range [][]string{{"ptu 1 1", "east 2 1"}, {"a 1 1", "b 1 1", "c 1 1", "d 1 1"}} {
		b.Run(fmt.Sprint(len(members)), func(b *testing.B) {
			g := groupOf(true, members...)
			credential := []byte(key(1))
			for b.Loop() {
				c := Choice{Caller: g.CallerOf(credential)}
				g.Next(&c)
				g.Succeeded(&c)
			}
		})
	}
}

// TestWhereARequestCannotGo holds that it goes to the others in their order, that the wait
// is theirs, and that nothing changes where none is left for the caller.
func TestWhereARequestCannotGo(t *testing.T) {
	g := groupOf(true, "a 1 1", "b 2 1", "c 3 1", "d 4 0")
	g.Members[1].Straight, g.Members[3].Straight = true, true
	for _, tc := range []struct {
		name string
		bar  func(*Choice) bool
		left bool
		want string
	}{
		{"not to those that are straight", g.NotStraight, true, "a c"},
		{"only to those", g.OnlyStraight, true, "b"},
		{"neither", func(c *Choice) bool { return g.NotStraight(c) && g.OnlyStraight(c) }, false, "a c"},
	} {
		c := Choice{Caller: g.CallerOf([]byte("x"))}
		if left := tc.bar(&c); left != tc.left {
			t.Errorf("%s: left %v", tc.name, left)
		}
		if got := strings.Join(g.Serving(&c), " "); got != tc.want {
			t.Errorf("%s: serving %q, want %q", tc.name, got, tc.want)
		}
		var names []string
		for m := g.Next(&c); m != nil; m = g.Next(&c) {
			names = append(names, m.Name)
		}
		if got := strings.Join(names, " "); got != tc.want {
			t.Errorf("%s: tried %q, want %q", tc.name, got, tc.want)
		}
	}
	g.health("b").Throttle(0, time.Hour)
	c := Choice{Caller: g.CallerOf(nil)}
	if soon := g.Soonest(&c); soon != 0 {
		t.Errorf("others are well, and the wait is %v", soon)
	}
	if g.OnlyStraight(&c); g.Soonest(&c) == 0 {
		t.Error("the only one that is left throttles, and there is no wait")
	}
}
