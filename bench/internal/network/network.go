// Package network makes networks of their own for what must not touch the host's: one
// that is cut, and one with a DNS server that knows a single name. All of it is on this
// machine, and goes when the last process in it has ended.
package network

import "errors"

// ErrNotAllowed is that this machine gives no network of its own, or lacks what it takes
// to make one.
var ErrNotAllowed = errors.New("this machine gives no network of its own")

// The addresses at both ends of a Path.
const (
	Near = "10.200.1.1"
	Far  = "10.200.2.2"
)
