package wire

import "runtime/debug"

// OnPanic has report called with the stack of each panic that is survived.
func (l *Loop) OnPanic(report func(stack string)) { l.report.Store(&report) }

// Survived reports a panic from which the caller has recovered. It never panics.
func (l *Loop) Survived() {
	defer func() { _ = recover() }() // nothing is left to be told by
	if report := l.report.Load(); report != nil {
		(*report)(string(debug.Stack()))
	}
}

// Rouse wakes the handler of c now.
func (c *Conn) Rouse() { c.loop.tell(c) }

// tell wakes the handler of c. It may panic: that ends its connection, and neither
// the others of the loop nor the process.
func (l *Loop) tell(c *Conn) {
	defer l.survive(c)
	c.handler.Wake(c)
}

// do runs what another goroutine has handed in.
func (l *Loop) do(f func()) {
	defer l.survive(nil)
	f()
}

// survive, deferred, ends the connection on which something has panicked; c is nil
// if it is not known.
func (l *Loop) survive(c *Conn) {
	if recover() == nil {
		return
	}
	l.Survived()
	if c != nil && !c.closed {
		l.breakOff(c)
	}
}

// breakOff resets the connection, and tells its handler, which has one more chance:
// it finds the connection closed, and gives back what it has. A second panic ends
// here: survive is past its recover, and nobody above has one.
func (l *Loop) breakOff(c *Conn) {
	defer func() {
		if recover() != nil {
			l.Survived()
		}
	}()
	c.resetOnClose()
	c.closeNow()
	c.handler.Wake(c)
}
