//go:build !linux

package edge

import "syscall"

// Apart gives the process a group of its own. Only Linux can tie its life to that
// of the test.
func Apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
