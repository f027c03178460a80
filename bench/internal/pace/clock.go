// Package pace tells the time that all processes of one host share, and does
// things at a constant rate on it. Go's own timers wake an idle process up to
// a millisecond late (its poller waits in whole milliseconds), which would hide
// the tens of microseconds that the bench is about; the pacer therefore naps on
// a thread of its own.
package pace

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock reads CLOCK_MONOTONIC, which is the same in all processes of a host,
// so that a time sent by one process can be compared in another.
type Clock struct {
	base time.Time // with Go's monotonic reading, which costs no system call
	zero int64     // CLOCK_MONOTONIC at base
}

// NewClock ties Go's monotonic time to CLOCK_MONOTONIC. Of several attempts the
// one with the least time around it counts.
func NewClock() Clock {
	var best Clock
	least := time.Duration(1 << 62)
	for range 16 {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			panic("BUG: no monotonic clock: " + err.Error())
		}
		around := time.Since(before)
		if around < least {
			least = around
			best = Clock{base: before, zero: ts.Nano() - int64(around)/2}
		}
	}
	return best
}

// Now returns nanoseconds of CLOCK_MONOTONIC.
func (c Clock) Now() int64 { return c.zero + int64(time.Since(c.base)) }

// At returns the nanoseconds of CLOCK_MONOTONIC at t, which must carry Go's
// monotonic reading.
func (c Clock) At(t time.Time) int64 { return c.zero + int64(t.Sub(c.base)) }
