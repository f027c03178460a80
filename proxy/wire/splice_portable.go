//go:build !linux || portable

package wire

// Pipe exists on Linux only: elsewhere bytes are copied.
type Pipe struct{}

// pipes are none.
type pipes struct{}

func (*pipes) tidy() {}

// GetPipe returns nil: bytes are copied.
func (l *Loop) GetPipe() *Pipe { return nil }

// Release does nothing.
func (p *Pipe) Release() {}

// Held returns 0.
func (p *Pipe) Held() int { return 0 }

// Fill is never called.
func (p *Pipe) Fill(*Conn, int64) (int64, error) { return 0, ErrWait }

// Drain is never called.
func (p *Pipe) Drain(*Conn) error { return nil }
