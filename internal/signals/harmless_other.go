//go:build !unix

package signals

import (
	"os"
	"syscall"
)

var harmless = []os.Signal{syscall.SIGPIPE}
