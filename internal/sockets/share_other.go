//go:build !linux

package sockets

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// shareAddress refuses: elsewhere SO_REUSEPORT gives all to one of them, or it is not there.
func shareAddress(_, _ string, _ syscall.RawConn) error {
	return errors.New("two edges at one address need Linux")
}

func takeNew(*net.TCPListener) error { return nil }

// listens leaves it to the net package to find fault.
func listens(*os.File) bool { return true }
