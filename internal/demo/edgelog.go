package demo

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"sync"
)

// keptLines bounds how many lines of the edge's log are kept.
const keptLines = 100

// edgeLog is an io.Writer for the edge's log. Its lines are shown as the edge wrote
// them: they are what an operator will see.
type edgeLog struct {
	mu        sync.Mutex
	begun     []byte   // a line without its end
	lines     []string // the latest, oldest first
	written   int      // lines that there ever were
	more      chan struct{}
	announced func(line string)
}

func newEdgeLog() *edgeLog { return &edgeLog{more: make(chan struct{})} }

// Write implements io.Writer. One call can bring several lines, or a part of one.
func (l *edgeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = append(l.begun, p...)
	for {
		line, rest, whole := bytes.Cut(l.begun, []byte{'\n'})
		if !whole {
			return len(p), nil
		}
		l.add(string(line))
		l.begun = rest
	}
}

func (l *edgeLog) add(line string) {
	if len(l.lines) == keptLines {
		l.lines = append(l.lines[:0], l.lines[1:]...)
	}
	l.lines = append(l.lines, line)
	l.written++
	close(l.more)
	l.more = make(chan struct{})
	if l.announced != nil {
		l.announced(line)
	}
}

// announce has each line that comes from now on reported to f.
func (l *edgeLog) announce(f func(line string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced = f
}

// count returns how many lines there were so far.
func (l *edgeLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// await returns the first line behind the first skip that has part in it. It waits
// until ctx ends: a log comes a little later than what it tells of.
func (l *edgeLog) await(ctx context.Context, skip int, part string) (line string, found bool) {
	for {
		line, more := l.find(skip, part)
		if line != "" {
			return line, true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", false
		}
	}
}

// find returns such a line if it is there, and else what is closed by the next one.
func (l *edgeLog) find(skip int, part string) (line string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := l.written - len(l.lines)
	for _, line := range l.lines[min(max(skip-gone, 0), len(l.lines)):] {
		if strings.Contains(line, part) {
			return line, nil
		}
	}
	return "", l.more
}

// latest returns the last n lines without their colours, oldest first.
func (l *edgeLog) latest(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := []string{} // an empty list in JSON, not null
	for _, line := range l.lines[max(0, len(l.lines)-n):] {
		lines = append(lines, withoutColor(line))
	}
	return lines
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

func withoutColor(text string) string { return colors.ReplaceAllLiteralString(text, "") }
