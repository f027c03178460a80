package testkit

import (
	"runtime"
	"testing"
)

// Aside is a test as other goroutines than its own may use it: what would end the test
// ends that goroutine, and the test goes on and has failed. Fatal of a testing.T is for
// the goroutine of the test alone.
func Aside(t testing.TB) testing.TB { return aside{t} }

type aside struct{ testing.TB }

func (a aside) FailNow() {
	a.Fail()
	runtime.Goexit()
}

func (a aside) Fatal(args ...any) {
	a.Helper()
	a.Error(args...)
	runtime.Goexit()
}

func (a aside) Fatalf(format string, args ...any) {
	a.Helper()
	a.Errorf(format, args...)
	runtime.Goexit()
}
