package pace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func rawNanosleep(ts *unix.Timespec) {
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(ts)), 0, 0)
}

// sharpen keeps the kernel from rounding the naps of this thread up by 50 µs.
func sharpen() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }
