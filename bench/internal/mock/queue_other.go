//go:build !linux

package mock

// queued returns the bytes in a socket's send queue, which only Linux is asked for.
func queued(uintptr) int { return 0 }
