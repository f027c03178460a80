// Package testkit is what tests of many packages need and none of them owns: patience, a
// test seen from another goroutine, files, programs that run beside a test, and a question
// over HTTP.
package testkit

import (
	"testing"
	"time"
)

// Patience is how long anything may take that ought to happen at once. It is no bound on
// speed: it ends a test that would otherwise hang.
const Patience = 60 * time.Second

// Eventually reports whether ready returns true before the patience is at an end.
func Eventually(patience time.Duration, ready func() bool) bool {
	return within(patience, 20*time.Millisecond, ready)
}

// Await waits until ready returns true. If that never comes, the test ends with what was
// waited for, and with what each of state says then.
func Await(t testing.TB, what string, ready func() bool, state ...func() string) {
	t.Helper()
	if within(Patience, time.Millisecond, ready) {
		return
	}
	for _, says := range state {
		what += "\n" + says()
	}
	t.Fatalf("never: %s", what)
}

func within(patience, pause time.Duration, ready func() bool) bool {
	for deadline := time.Now().Add(patience); !ready(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Receive returns what comes next of a channel, or its zero value when that is closed.
func Receive[T any](t testing.TB, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(Patience):
		t.Fatalf("never: %s", what)
	}
	return v
}
