package wire

import "time"

// A Pace bounds how slowly bytes may move: so many at least in each span of time.
type Pace struct {
	Least int64 // 0: no bound
	Span  time.Duration
}

// pacing is a Pace that holds. As a bound, it begins when the loop looks at it for
// the first time.
type pacing struct {
	Pace
	end  time.Duration // of the span; 0: it has not begun
	from int64         // bytes that had come, in all, when it began
}

// AtLeast bounds the pace from now on: when fewer bytes have been read within a
// span, the handler is woken and Slow is true. Only who is read as fast as
// possible can be held to it.
func (c *Conn) AtLeast(p Pace) { c.pace, c.slow = pacing{Pace: p}, false }

// TakeAtLeast bounds the pace at which the peer takes bytes while some wait to be
// sent: when it has taken fewer within a span, it has Stalled, and Slow is true. A
// span without any is left to the bound given to Adopt: a peer whose own buffers
// are large makes room in lumps (a sixteenth of them at a time, on Linux), with
// nothing in between.
func (c *Conn) TakeAtLeast(p Pace) { c.takes = pacing{Pace: p} }

// takesTooLittle reports whether a span has ended in which the peer has taken
// something, but too little. waiting is what the kernel still holds.
func (c *Conn) takesTooLittle(now time.Duration, waiting int) bool {
	last, taken := c.takes, c.put-int64(waiting)
	if !c.takes.missed(now, taken) {
		return false
	}
	c.takes = pacing{Pace: last.Pace}
	c.slow = taken > last.from
	return c.slow
}

// Slow reports whether the peer has sent or taken fewer bytes than is asked for.
func (c *Conn) Slow() bool { return c.slow }

// missed reports, once, that a span has ended with fewer bytes than there ought to
// be. got is how many have come since ever.
func (p *pacing) missed(now time.Duration, got int64) bool {
	switch {
	case p.Least == 0:
		return false
	case p.end != 0 && now < p.end:
		return false
	case p.end != 0 && got-p.from < p.Least:
		*p = pacing{}
		return true
	}
	p.from, p.end = got, now+p.Span
	return false
}
