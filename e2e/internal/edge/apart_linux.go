package edge

import "syscall"

// apart gives the process a group of its own: Ctrl-C ends the test, not the edge
// under its load. It dies with the test.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
