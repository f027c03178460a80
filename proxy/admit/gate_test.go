package admit

import (
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

func TestOnlySoManyRunAtATime(t *testing.T) {
	var r Running
	for _, step := range []struct {
		name  string
		do    func() Verdict
		want  edgeerr.Code
		count int64
	}{
		{"the first", func() Verdict { return r.Enter(2) }, edgeerr.None, 1},
		{"the second", func() Verdict { return r.Enter(2) }, edgeerr.None, 2},
		{"one too many is not counted", func() Verdict { return r.Enter(2) }, edgeerr.EdgeOverloaded, 2},
		{"without a limit it may", func() Verdict { return r.Enter(0) }, edgeerr.None, 3},
		{"one leaves", func() Verdict { r.Leave(); r.Leave(); return Verdict{} }, edgeerr.None, 1},
		{"there is room again", func() Verdict { return r.Enter(2) }, edgeerr.None, 2},
		{"nobody gets in behind the end", func() Verdict { r.End(); return r.Enter(0) }, edgeerr.EdgeDraining, 2},
	} {
		if v := step.do(); v.Code != step.want || r.Count() != step.count || v.Passes() != (v.Err() == nil) {
			t.Errorf("%s: %v with %d running, want %v with %d", step.name, v, r.Count(), step.want, step.count)
		}
	}
}

func TestManyAtOnceAreNeverMoreThanTheLimit(t *testing.T) {
	const most = 3
	var r Running
	var all sync.WaitGroup
	var passed sync.Map
	for i := range 64 {
		all.Go(func() {
			if r.Enter(most).Passes() {
				passed.Store(i, true)
			}
		})
	}
	all.Wait()
	n := 0
	passed.Range(func(any, any) bool { n++; return true })
	if n > most || int64(n) != r.Count() {
		t.Errorf("%d of 64 passed and %d are counted, want %d at most", n, r.Count(), most)
	}
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	for _, tc := range []struct {
		length, most int64
		want         string
	}{
		{10, 10, "limits.request_body: passes"}, {11, 10, "limits.request_body: 413 body_too_large"},
		{11, 0, "limits.request_body: passes"}, {-1, 10, "limits.request_body: passes"},
	} {
		if got := Body(tc.length, tc.most).String(); got != tc.want {
			t.Errorf("%d bytes where %d are allowed: %q, want %q", tc.length, tc.most, got, tc.want)
		}
	}
}
