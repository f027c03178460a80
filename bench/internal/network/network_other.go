//go:build !linux

package network

// The bench measures on Linux. Elsewhere it is built, so that it can be read and
// checked there.

// A Space is a network of its own.
type Space struct{}

// NewSpace fails.
func NewSpace() (*Space, error) { return nil, ErrNotAllowed }

// Do is not reached.
func (*Space) Do(f func() error) error { return f() }

// Close is not reached.
func (*Space) Close() {}

// A Path is two networks with a router between them.
type Path struct{ Near, Far *Space }

// NewPath fails.
func NewPath() (*Path, error) { return nil, ErrNotAllowed }

// Cut is not reached.
func (*Path) Cut() error { return ErrNotAllowed }

// Close is not reached.
func (*Path) Close() {}
