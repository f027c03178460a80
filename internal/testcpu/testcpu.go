// Package testcpu measures for tests what a function costs the processor, so that a
// machine with other work does not count.
package testcpu

import (
	"runtime"
	"time"
)

// Least returns the least that run has cost in a number of tries: processor time of its
// thread where the system tells it, else time.
func Least(tries int, run func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := time.Duration(1<<63 - 1)
	for range tries {
		begun := now()
		run()
		least = min(least, now()-begun)
	}
	return least
}
