package takeover

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// life tells one process from another of the same number: when it began, in ticks since
// the machine did (proc_pid_stat(5), field 22). It holds across containers as well.
func life(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field, the name in brackets, may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const began = 22 - 3
	if len(fields) <= began {
		return "", errors.New("/proc/PID/stat has too few fields")
	}
	return fields[began], nil
}

func lock(f *os.File) error {
	return os.NewSyscallError("flock", unix.Flock(int(f.Fd()), unix.LOCK_EX))
} //nolint:gosec // a descriptor is small

func unlock(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) } //nolint:gosec // a descriptor is small
