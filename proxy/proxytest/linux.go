//go:build linux && !portable

package proxytest

// NoticesLater tells that what a peer does is noticed by a goroutine that may not
// have run yet, and not by whoever asks the kernel.
const NoticesLater = false
