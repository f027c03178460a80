package testkit

import "syscall"

// Apart gives the process a group of its own: Ctrl-C ends the test, not what it has
// started. It dies with the test.
func Apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
