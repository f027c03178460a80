package wire

import "time"

// A Pace bounds how slowly bytes may come: so many at least in each span of time.
type Pace struct {
	Least int64 // 0: no bound
	Span  time.Duration
}

// pacing is a Pace that holds. As a bound, it begins when the loop looks at it for
// the first time.
type pacing struct {
	Pace
	end  time.Duration // of the span; 0: it has not begun
	from int64         // bytes that had come when it began
}

// AtLeast bounds the pace from now on: when fewer bytes have been read within a
// span, the handler is woken and Slow is true. Only who is read as fast as
// possible can be held to it.
func (c *Conn) AtLeast(p Pace) { c.pace, c.slow = pacing{Pace: p}, false }

// Slow reports whether the peer has sent fewer bytes than AtLeast asks for.
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
