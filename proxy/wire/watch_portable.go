//go:build !linux || portable

package wire

import "sync"

// hups learns of peers that leave through a goroutine for each connection, which
// reads ahead while nobody else reads.
type hups struct{}

type seat struct {
	stop chan struct{}
	once sync.Once
}

func (h *hups) start(*Watch) error { return nil }

func (h *hups) end() {}

func (h *hups) add(c *Conn) error {
	c.seat.stop = make(chan struct{})
	return nil
}

// expectHup starts to look for the departure, when somebody first wants to know
// of it: not before, since it would take bytes away from the TLS handshake.
func (c *Conn) expectHup() { c.seat.once.Do(func() { go c.lookAhead(c.seat.stop) }) }

func (h *hups) remove(c *Conn) { close(c.seat.stop) }
