package census

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

func TestARowSaysWhoUsesTheEdgeForWhat(t *testing.T) {
	c := start(t, nil)
	r := c.chat("0123abcd")
	c.tell(r, 3)
	c.clock.forward(time.Hour)
	r.Status, r.Hint = 401, hint.KeyInvalid
	c.tell(r, 1)
	r.Status, r.Hint, r.Cut, r.Code = 200, hint.None, true, edgeerr.UpstreamAborted
	c.tell(r, 1)
	d := c.Document()
	if len(d.Rows) != 1 {
		t.Fatalf("%d rows, want 1: %+v", len(d.Rows), d.Rows)
	}
	got, id := d.Rows[0], c.Hasher().Key([]byte("0123abcd"))
	want := Row{
		Key: Key{
			Route: "openai", Who: id.String(), Client: "openai-python", Version: "2.34.0", Reason: "bearer_key", Needs: "rules",
			Shape: V1, Operation: "chat/completions",
		},
		Counts: Counts{OK: 3, Wrong: 1, Cut: 1}, First: noon, Last: noon.Add(time.Hour), Hint: "key_invalid",
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if d.Others != nil || total(d) != 5 {
		t.Errorf("%d exchanges, others %v", total(d), d.Others)
	}
}

// TestWhatTellsRowsApart holds that each part of a key makes a row of its own, also where
// the short way to a row is taken.
func TestWhatTellsRowsApart(t *testing.T) {
	c := start(t, nil)
	other := &record.Route{Name: "other"}
	for _, change := range []func(*record.Record){
		func(*record.Record) {},
		func(r *record.Record) { r.Route = other },
		func(r *record.Record) { r.Who = c.cache.Key([]byte("another")) },
		func(r *record.Record) { r.Who = who.ID{Kind: who.Application, Name: "a"} },
		func(r *record.Record) { r.Who = who.ID{Kind: who.Client, Name: "a"} },
		func(r *record.Record) { r.Who = who.ID{Kind: who.Application, Name: "b"} },
		func(r *record.Record) { r.Client++ },
		func(r *record.Record) { r.Version = record.Version{'2', '.', '1'} },
		func(r *record.Record) { r.Reason = rewrite.ReasonSwapped },
		func(r *record.Record) { r.Needs |= record.NeedsCORS },
		func(r *record.Record) { r.Path = []byte("/openai/v1/embeddings") },
		func(r *record.Record) {
			r.Path = []byte("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
		},
		func(r *record.Record) { r.Model = "gpt-4o" },
	} {
		r := c.chat("0123abcd")
		change(&r)
		c.tell(r, 2)
		c.tell(r, 1)
	}
	d := c.Document()
	if len(d.Rows) != 13 {
		t.Errorf("%d rows, want 13", len(d.Rows))
	}
	for _, r := range d.Rows {
		if r.Counts.OK != 3 {
			t.Errorf("%d exchanges, want 3: %+v", r.Counts.OK, r)
		}
	}
}

// TestWhatIsNotCounted: a preflight is followed by what it is for, and who asks for no
// route uses nothing.
func TestWhatIsNotCounted(t *testing.T) {
	c := start(t, nil)
	r := c.chat("0123abcd")
	r.Ending = record.Preflight
	c.tell(r, 1)
	r = c.chat("0123abcd")
	r.Route = nil
	c.tell(r, 1)
	if d := c.Document(); total(d) != 0 {
		t.Errorf("counted: %+v", d.Rows)
	}
}

// TestALoopNeverWaits: what comes faster than it is counted is lost, and that is told.
// What has come before needs no further place.
func TestALoopNeverWaits(t *testing.T) {
	c := start(t, nil)
	c.mu.Lock() // nobody counts
	for i := range tallySize + 100 {
		r := c.chat(strconv.Itoa(i))
		c.Observe(&r)
	}
	r := c.chat(strconv.Itoa(tallySize - 1))
	for range 100 * tallySize {
		c.Observe(&r)
	}
	c.mu.Unlock()
	d := c.Document()
	if total(d) != 101*tallySize || d.Lost != 100 {
		t.Errorf("%d counted and %d lost, want %d and 100", total(d), d.Lost, 101*tallySize)
	}
	if c.tell(r, 1); total(c.Document()) != 101*tallySize+1 {
		t.Error("it does not go on")
	}
}

// TestNothingIsCountedTwiceOrLostBetweenLoops runs loops beside one another, and readers
// beside them: some loops see one caller, others see more than can wait, each at a model
// of his own.
func TestNothingIsCountedTwiceOrLostBetweenLoops(t *testing.T) {
	const loops, each, callers = 4, 20000, 2 * tallySize
	c := start(t, func(o *Options) { o.Loops, o.Rows = loops, callers })
	models, caller := map[string]string{}, make([]record.Record, callers)
	for i := range caller {
		r := c.chat(strconv.Itoa(i))
		r.Path = fmt.Appendf(nil, "/openai/deployments/d-%d/chat/completions", i)
		models[r.Who.String()], caller[i] = fmt.Sprint("d-", i), r
	}
	var all sync.WaitGroup
	for loop := range loops {
		all.Go(func() {
			for i := range each {
				r := caller[i*(loop/2)%callers]
				r.Loop = loop
				c.Observe(&r)
			}
		})
	}
	for range 20 {
		c.Document()
	}
	all.Wait()
	d := c.Document()
	if got := total(d) + d.Lost; got != loops*each {
		t.Errorf("%d counted and %d lost, of %d", total(d), d.Lost, loops*each)
	}
	for _, r := range d.Rows {
		if r.Model != models[r.Who] {
			t.Fatalf("%s at %s, want %s", r.Who, r.Model, models[r.Who])
		}
	}
}

// TestRowsHoldNoSecret puts needles into every place of a request that a row could show.
func TestRowsHoldNoSecret(t *testing.T) {
	c := start(t, nil)
	const needle, token = "c4n4ry0123456789abcdef0123456789", "eyJhbGciOiJub25lIn0.eyJhIjoiYzRuNHJ5In0.c4n4ry"
	for _, path := range []string{
		"/openai/deployments/%/chat/completions?api-version=%&subscription-key=%", "/openai/v1/models/%", "/%/openai/v1/files/%/content", "/openai/v1/chat/%", "/%",
		"/openai/deployments/sk-%/chat/completions", "/openai/responses/%?api-version=2024-10-21&x=%", "/openai/v1/responses/%/%/%/%/%/%/%",
	} {
		for _, secret := range []string{needle, token, needle + "/" + token, strings.ToUpper(needle)} {
			r := c.chat(secret)
			r.Path, r.Version = []byte(strings.ReplaceAll(path, "%", secret)), record.VersionOf([]byte("curl/"+secret), record.FamilyOf([]byte("curl/")))
			r.Origin, r.ID, r.Method, r.APIMRequestID = []byte("https://"+secret), []byte(secret), []byte(secret), []byte(secret)
			r.Caller, r.Check, r.CORSAsked = secret, secret, []byte(secret)
			c.tell(r, 2)
		}
	}
	text := strings.ToLower(written(t, c.Document()))
	for _, part := range []string{"c4n4ry", "eyj", strings.ToLower("c4n4ry0123")} {
		if at := strings.Index(text, part); at >= 0 {
			t.Errorf("found %q: %s", part, text[max(0, at-100):at+100])
		}
	}
	if n := total(c.Document()); n != 64 {
		t.Errorf("%d exchanges, want 64: this test has not seen what it is about", n)
	}
}

// TestDaysTellOfTheWayToTheEnd holds what a plot is made of.
func TestDaysTellOfTheWayToTheEnd(t *testing.T) {
	c := start(t, nil)
	direct := c.chat("new")
	direct.Reason, direct.Needs = rewrite.ReasonExplicitKey, 0
	c.tell(c.chat("one"), 5)
	c.tell(c.chat("two"), 2)
	c.tell(direct, 1)
	c.clock.forward(24 * time.Hour)
	c.tell(c.chat("one"), 1)
	c.tell(direct, 4)
	c.clock.forward(48 * time.Hour)
	c.count() // nobody calls
	s := c.Summary()
	want := []Day{
		{Date: "2026-11-27", Exchanges: 8, Needing: 7, Callers: 3, NeedingCallers: 2},
		{Date: "2026-11-28", Exchanges: 5, Needing: 1, Callers: 2, NeedingCallers: 1},
		{Date: "2026-11-30"},
	}
	if !slices.Equal(s.Days, want) {
		t.Errorf("got  %+v\nwant %+v", s.Days, want)
	}
	if s.Callers != 3 || s.Needing != 2 || len(s.Routes) != 1 || s.Routes[0].Callers != 3 || !s.Routes[0].LastNeeding.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("got %+v", s)
	}
}

func TestDaysAndRoutesAreBounded(t *testing.T) {
	c := start(t, nil)
	for range maxDays + 50 {
		c.tell(c.chat("one"), 1)
		c.clock.forward(24 * time.Hour)
	}
	for i := range 2 * maxRoutes {
		r := c.chat("one")
		r.Route = &record.Route{Name: "r" + strings.Repeat("x", i)}
		c.tell(r, 1)
	}
	d := c.Document()
	if len(d.History) != maxRoutes+1 || len(d.History[0].Days) != maxDays {
		t.Errorf("%d routes, %d days", len(d.History), len(d.History[0].Days))
	}
	c.clock.forward(-48 * time.Hour) // a clock that is set back
	c.tell(c.chat("one"), 1)
	if h := c.Document().History[0]; len(h.Days) != maxDays {
		t.Errorf("%d days", len(h.Days))
	}
}
