//go:build !linux || portable

package wire

// hups learns of peers that leave through a goroutine for each connection, which
// reads ahead while nobody else reads.
type hups struct{}

type seat struct{ stop chan struct{} }

func (h *hups) start(*Watch) error { return nil }

func (h *hups) end() {}

func (h *hups) add(c *Conn) error {
	c.seat.stop = make(chan struct{})
	go c.lookAhead(c.seat.stop)
	return nil
}

func (h *hups) remove(c *Conn) { close(c.seat.stop) }
