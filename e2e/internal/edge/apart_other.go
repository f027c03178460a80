//go:build !linux

package edge

import "syscall"

// apart gives the process a group of its own. Only Linux can tie its life to that
// of the test.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
