//go:build !linux

package pace

import (
	"time"

	"golang.org/x/sys/unix"
)

func rawNanosleep(ts *unix.Timespec) { time.Sleep(time.Duration(ts.Nano())) }

func sharpen() {}
