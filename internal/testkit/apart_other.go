//go:build unix && !linux

package testkit

import "syscall"

// Apart gives the process a group of its own. Only Linux can tie its life to that
// of the test.
func Apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
