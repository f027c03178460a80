package azure

import (
	"sync/atomic"
	"time"
)

// counter makes identities; it begins anew with each run of the tests.
var counter = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(time.Now().UnixNano() & 0xffffff << 8)
	return &n
}()
