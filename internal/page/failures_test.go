package page

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// TestWhatIsAFailure holds what is shown and what is not.
func TestWhatIsAFailure(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    record.Record
		want bool
	}{
		{"an answer", record.Record{Status: 200}, false},
		{"a preflight", record.Record{Status: 204, Ending: record.Preflight}, false},
		{"a refused preflight", record.Record{Status: 204, Ending: record.Preflight, CORSRefused: "origin"}, true},
		{"an answer of 4xx", record.Record{Status: 404}, true},
		{"an answer of 5xx", record.Record{Status: 500}, true},
		{"a stream without its end", record.Record{Status: 200, Ending: record.StreamIncomplete}, true},
		{"a cut", record.Record{Status: 200, Code: edgeerr.UpstreamAborted, Cut: true}, true},
		{"a client that has left", record.Record{Status: 200, Code: edgeerr.ClientLeft, Cut: true}, false},
		{"an error of the edge", record.Record{Status: 503, Code: edgeerr.EdgeOverloaded}, true},
	} {
		var f failures
		f.observe(&tc.r, time.Now)
		if got := len(f.latest()) == 1; got != tc.want {
			t.Errorf("%s is shown: %v, want %v", tc.name, got, tc.want)
		}
		if tc.want && !tc.r.Remarkable() {
			t.Errorf("the page is not told of %s", tc.name)
		}
	}
}

// TestAFloodPushesNothingOut holds that failures of one kind take one place, whatever
// their paths, and that the kinds are bounded.
func TestAFloodPushesNothingOut(t *testing.T) {
	var f failures
	now := time.Unix(0, 0)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	f.observe(&record.Record{Status: 503, Code: edgeerr.EdgeOverloaded}, clock)
	for i := range 10000 {
		f.observe(&record.Record{Status: 404, Path: fmt.Appendf(nil, "/%d", i), ID: fmt.Appendf(nil, "id-%d", i), Method: fmt.Appendf(nil, "M%d", i)}, clock)
	}
	all := f.latest()
	if len(all) != 2 || all[0].count != 10000 || string(all[0].path[:all[0].lenP]) != "/9999" || all[1].code != edgeerr.EdgeOverloaded {
		t.Errorf("%d kinds: %+v", len(all), all)
	}
	for status := 400; status < 400+2*maxKinds; status++ {
		f.observe(&record.Record{Status: status}, clock)
	}
	all = f.latest()
	if len(all) != maxKinds || all[0].status != 400+2*maxKinds-1 || all[maxKinds-1].status != 400+maxKinds {
		t.Errorf("%d kinds from %d to %d, want the last %d", len(all), all[len(all)-1].status, all[0].status, maxKinds)
	}
}

// TestAnExampleIsACopy holds that nothing of a record is kept, no query either, and that
// long texts are cut.
func TestAnExampleIsACopy(t *testing.T) {
	var f failures
	r := record.Record{Status: 404, Method: []byte("DELETE"), Path: []byte("/a/b?key=s3cr3t"), ID: []byte("one")}
	f.observe(&r, time.Now)
	for _, text := range [][]byte{r.Method, r.Path, r.ID} {
		copy(text, bytes.Repeat([]byte("x"), len(text)))
	}
	one := f.latest()[0]
	if got := string(one.method[:one.lenM]) + " " + string(one.path[:one.lenP]) + " " + string(one.id[:one.lenID]); got != "DELETE /a/b one" {
		t.Errorf("kept %q", got)
	}
	if bytes.Contains(fmt.Appendf(nil, "%s", one.path[:]), []byte("s3cr3t")) {
		t.Error("the query is kept")
	}
	long := bytes.Repeat([]byte("long/"), 1000)
	f.observe(&record.Record{Status: 404, Method: long, Path: long, ID: long}, time.Now)
	if one = f.latest()[0]; !one.cut || one.lenP != 160 || one.lenM != 16 || one.lenID != 128 {
		t.Errorf("cut %v, lengths %d %d %d", one.cut, one.lenM, one.lenP, one.lenID)
	}
}

// TestEveryFailureSaysWhatToDo holds it for each code.
func TestEveryFailureSaysWhatToDo(t *testing.T) {
	for _, code := range edgeerr.Codes() {
		f := failure{kind: kind{code: code}}
		if means, change := f.advice(); means == "" || change == "" || strings.HasSuffix(means, ".") || strings.HasSuffix(change, ".") {
			t.Errorf("%s: %q, %q", f.cause(), means, change)
		}
	}
}

// TestLoopsDoNotWaitForWhoLooks holds that an exchange ends while the failures are held.
func TestLoopsDoNotWaitForWhoLooks(t *testing.T) {
	var f failures
	f.mu.Lock()
	f.observe(&record.Record{Status: 404}, time.Now) // would never return
	f.mu.Unlock()
	if n := len(f.latest()); n != 0 {
		t.Errorf("%d kinds", n)
	}
	var all sync.WaitGroup // for the race detector
	for range 4 {
		all.Go(func() {
			for i := range 1000 {
				f.observe(&record.Record{Status: 400 + i%100, Path: []byte("/p")}, time.Now)
				f.latest()
			}
		})
	}
	all.Wait()
}

// TestObservingAllocatesNothing holds that an exchange pays nothing for the page but a
// look at its record, and a failure a copy.
func TestObservingAllocatesNothing(t *testing.T) {
	w := watch(t, nil)
	for _, r := range []record.Record{{Status: 200}, refusal} {
		w.Observe(&r)
		if n := testing.AllocsPerRun(100, func() { w.Observe(&r) }); n > 0 {
			t.Errorf("status %d: %v allocations, want none", r.Status, n)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, kinds := range []int{0, 1, maxKinds} {
		b.Run(fmt.Sprintf("failures=%v", kinds), func(b *testing.B) {
			var f failures
			r := refusal
			if kinds == 0 {
				r.Status = 200
			}
			for status := range kinds {
				other := r
				other.Status = 500 + status
				f.observe(&other, time.Now)
			}
			if kinds > 1 {
				r.Status = 500 + kinds - 1 // the last one of the list
			}
			b.ReportAllocs()
			for b.Loop() {
				f.observe(&r, time.Now)
			}
		})
	}
}
