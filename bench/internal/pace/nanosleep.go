package pace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func rawNanosleep(ts *unix.Timespec) {
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(ts)), 0, 0)
}
