package testkit

import (
	"runtime"
	"strings"
	"sync"
	"testing"
)

// told is a test that notes what it is told, and goes on.
type told struct {
	testing.TB
	errors int
	fatal  string
}

func (f *told) Helper()               {}
func (f *told) Errorf(string, ...any) { f.errors++ }
func (f *told) Error(...any)          { f.errors++ }
func (f *told) Fail()                 { f.errors++ }
func (f *told) Fatalf(format string, args ...any) {
	f.fatal = strings.TrimSpace(format)
	runtime.Goexit()
}

// TestWhatFailsAsideEndsItsGoroutineAlone holds that nothing behind it runs, and that the
// test is told without being ended.
func TestWhatFailsAsideEndsItsGoroutineAlone(t *testing.T) {
	for name, fails := range map[string]func(testing.TB){
		"Fatal":   func(t testing.TB) { t.Fatal("no") },
		"Fatalf":  func(t testing.TB) { t.Fatalf("no") },
		"FailNow": func(t testing.TB) { t.FailNow() },
	} {
		test, went := &told{TB: t}, false
		var all sync.WaitGroup
		all.Go(func() {
			fails(Aside(test))
			went = true
		})
		all.Wait()
		if went || test.errors != 1 || test.fatal != "" {
			t.Errorf("%s: the goroutine went on %v, the test has failed %d times and was ended by %q", name, went, test.errors, test.fatal)
		}
	}
}
