package wire

// A Gather sends pieces one behind the other, in few writes: small ones are copied
// together, large ones are sent from where they lie. It is over with Send.
type Gather struct {
	to    *Conn
	front *Buf // what is not sent yet
	taken int
	err   error
}

// Gather begins with front, which is the gatherer's from then on.
func (c *Conn) Gather(front *Buf) Gather { return Gather{to: c, front: front} }

// Add adds a piece.
func (g *Gather) Add(p []byte) {
	if len(p) > 0 { // many are empty
		g.add(p)
	}
}

func (g *Gather) add(p []byte) {
	n := min(len(p), len(g.front.Free()))
	if len(p)-n < BufSize/4 {
		n = len(p) // front grows: to copy what is in it costs less than a write more
	}
	g.front.Add(p[:n])
	if p = p[n:]; len(p) > 0 {
		g.flush()
		g.write(p)
	}
}

// Send sends what is left, and returns what Write would have, of all.
func (g *Gather) Send() (int, error) {
	if g.taken == 0 && g.err == nil { // all is in front, as nearly always
		return g.to.Send(g.front)
	}
	g.flush()
	g.front.Release()
	return g.taken, g.err
}

func (g *Gather) flush() {
	if g.front.Len() > 0 {
		g.write(g.front.Bytes())
		g.front.Consume(g.front.Len())
	}
}

// write sends nothing behind an error: it would stand in the place of what is missing.
func (g *Gather) write(p []byte) {
	if g.err == nil {
		var n int
		n, g.err = g.to.Write(p)
		g.taken += n
	}
}
