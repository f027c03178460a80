package main

import (
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// A terminal is what the edge was started in, if it was. It tells a SIGHUP that
// says "the terminal has hung up" from one that asks for a reload.
type terminal struct {
	there func() bool // nil: none that counts
	gone  int         // looks in a row that have not found it
}

// lookAtTerminal is how often a terminal is looked at. A SIGHUP because it has hung
// up comes at once, so one that comes two looks later has another reason.
const lookAtTerminal = time.Second

// ownTerminal returns the terminal of the standard descriptors. With nohup there is
// none: it says that a hang-up is no reason to end.
func ownTerminal(nohup bool) *terminal {
	for _, f := range []*os.File{os.Stderr, os.Stdin, os.Stdout} {
		if !nohup && isatty.IsTerminal(f.Fd()) {
			return &terminal{there: func() bool { return isatty.IsTerminal(f.Fd()) }}
		}
	}
	return &terminal{}
}

// hungUp reports whether a SIGHUP that comes now says that the terminal has hung up.
func (t *terminal) hungUp() bool { return t.there != nil && !t.there() }

// look looks at the terminal from time to time, and reports whether it has gone
// without a signal, as it does for a job in the background: then it is forgotten, and
// SIGHUP asks for a reload.
func (t *terminal) look() (forgotten bool) {
	if t.there == nil || t.there() {
		t.gone = 0
		return false
	}
	if t.gone++; t.gone < 2 {
		return false
	}
	t.there = nil
	return true
}
