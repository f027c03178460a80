package service

import (
	"errors"
	"fmt"
	"syscall"
)

// bindError says what to do about a port that cannot be had. key is the key of the
// configuration that names it, other how another one is chosen.
func bindError(key string, err error, other string) error {
	what := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		what = "is another program on this port? "
	case errors.Is(err, syscall.EACCES):
		what = "a port below 1024 needs a right: AmbientCapabilities=CAP_NET_BIND_SERVICE in a unit of systemd, " +
			"or setcap cap_net_bind_service=+ep on the program. "
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		what = "no interface of this machine has that address. "
	}
	return fmt.Errorf("%s: %w; %s%s", key, err, what, other)
}
