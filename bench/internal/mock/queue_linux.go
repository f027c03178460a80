package mock

import "golang.org/x/sys/unix"

// queued returns the bytes in a socket's send queue.
func queued(fd uintptr) int {
	n, _ := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	return n
}
