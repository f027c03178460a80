//go:build linux && !race

package service

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// TestWhatAnAccessLineCosts measures, for docs/performance.md, what of the processor a line
// takes that goes to a file: made, handed over and written. LINES says how many a second; it
// asserts nothing, and is not run without it.
func TestWhatAnAccessLineCosts(t *testing.T) {
	rate, err := strconv.Atoi(os.Getenv("LINES"))
	if err != nil || rate <= 0 {
		t.Skip("LINES does not say how many lines a second")
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := accessLine(t, f)
	var costs []time.Duration
	for range 15 {
		nothing := costOfEach(rate, func() {})
		costs = append(costs, costOfEach(rate, write)-nothing)
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(costs)
	t.Logf("%d lines a second: %v each (%v to %v)", rate, costs[7], costs[0], costs[14])
}

// costOfEach returns what of the processor each of so many lines a second takes, with what
// happens behind it. Like a loop it waits without telling the scheduler, and each of its
// exchanges has memory of its own.
func costOfEach(rate int, write func()) time.Duration {
	const turn = 16 // lines that one event loop writes before it waits
	memory := make([]byte, 512<<10)
	before, began, n := processorTime(), time.Now(), 0
	for time.Since(began) < 400*time.Millisecond {
		for range turn {
			for at := range 256 {
				memory[(n*256+at)*64%len(memory)]++
			}
			write()
			n++
		}
		due := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if left := time.Until(due); left > 0 {
			wait := syscall.NsecToTimespec(int64(left))
			_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&wait)), 0, 0)
		}
	}
	time.Sleep(150 * time.Millisecond) // until what was written last is out
	return (processorTime() - before) / time.Duration(n)
}

func processorTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
