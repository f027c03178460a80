//go:build unix

package signals

import (
	"os"
	"syscall"
)

// harmless are the signals for what happens to those who look at the log.
var harmless = []os.Signal{syscall.SIGPIPE, syscall.SIGTTOU}
