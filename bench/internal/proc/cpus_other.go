//go:build !linux

package proc

import (
	"errors"
	"os/exec"
	"syscall"
)

// The bench measures on Linux. Elsewhere it is built, so that it can be read and
// checked there.
var errNoCPUs = errors.New("processes cannot be put on CPUs of their own on this system")

func together() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func startOn(cmd *exec.Cmd, cpus []int) error {
	if len(cpus) > 0 {
		return errNoCPUs
	}
	return cmd.Start()
}

// Allowed returns the CPUs that this process may use.
func Allowed() ([]int, error) { return nil, errNoCPUs }

// PinSelf moves all threads of this process onto the CPUs.
func PinSelf([]int) error { return errNoCPUs }
