package wire

// Rest marks the end of an exchange on the connection; Settled goes by it.
func (c *Conn) Rest() { c.rested = c.loop.round }

// Settled reports whether the loop has asked for events since Rest was called, and
// has handled what it was told of the connection. Before that, Silent cannot know
// of bytes that were sent right behind an answer; to look at the socket instead
// would cost a system call per exchange, and find half of them (issue 15, A9).
func (c *Conn) Settled() bool { return !c.pending && c.loop.round-c.rested >= wholeRound }

// wholeRound is by how much a loop's round grows while each connection on which
// something has happened is heard of once.
const wholeRound = 2

// countRound takes note of a look for events that has brought n of them. Where it
// has brought all there were, the round is over. Else the rest follows in turn
// (epoll_wait(2)): as many events as there are seats hold one of each connection;
// it takes two such halves to be sure of what was there at a moment in between.
func (l *Loop) countRound(n int, all bool) {
	l.heard += n
	switch {
	case all:
		l.round += wholeRound
	case l.heard > len(l.seats)+1: // and its own two descriptors
		l.round += wholeRound / 2
	default:
		return
	}
	l.heard = 0
}
