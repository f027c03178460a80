package testcpu

import (
	"time"

	"golang.org/x/sys/unix"
)

// now returns the processor time of the thread, 0 if the system does not tell.
func now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
