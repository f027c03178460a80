package wire

import "time"

// acks is what is known of whether the peer acknowledges what it is sent.
//
// The kernel could be told to give it up (TCP_USER_TIMEOUT, see BoundUnacked), but it
// would give up a client as well that is there and reads slowly, whose stream may wait in
// the kernel's buffers for as long as it likes. What tells the two apart is a word of the
// peer: who does not read still answers the kernel's probes.
type acks struct {
	put   int64         // Conn.put at the last look
	since time.Duration // when something was first seen under way behind the peer's last word; 0: nothing is
	next  time.Duration // look
}

// WantAcks has the peer count as stalled, too, where it has acknowledged nothing of what
// was sent for as long as it may take nothing, and an eighth more at most: a network has
// gone without a word. Without it the kernel tries for a quarter of an hour.
func (c *Conn) WantAcks() { c.wantsAcks = true }

// isUnheard reports whether that is so. It asks the kernel eight times in that time, and
// only of those to whom something was sent since the last look, or is under way.
func (c *Conn) isUnheard(now time.Duration) bool {
	a := &c.acks
	if !c.wantsAcks || c.stall <= 0 || now < a.next || a.since == 0 && c.put == a.put {
		return false
	}
	a.put, a.next = c.put, now+c.stall/8
	underWay, silent := c.lastWord()
	switch {
	case !underWay:
		a.since = 0
	case a.since == 0, silent < now-a.since:
		a.since = now
	}
	return a.since > 0 && now-a.since >= c.stall
}
