package proxytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Line is one line of the log.
type Line map[string]any

// Exchange returns the access line of the next exchange, waiting for it. The
// test fails in the end if there are more lines than it has asked for.
func (e *Edge) Exchange() Line {
	e.T.Helper()
	e.Seen++
	Eventually(e.T, func() bool { return len(e.Log.Exchanges()) >= e.Seen }, func() string {
		return fmt.Sprintf("no access line for exchange %d:\n%s", e.Seen, e.Log)
	})
	return e.Log.Exchanges()[e.Seen-1]
}

// WantExchange holds that the next access line has this status and cause.
func (e *Edge) WantExchange(status int, cause string) Line {
	e.T.Helper()
	l := e.Exchange()
	if l["status"] != float64(status) || l["cause"] != cause {
		e.T.Errorf("access line with status %v and cause %v, want %d and %s:\n%v", l["status"], l["cause"], status, cause, l)
	}
	return l
}

// Log collects log lines. A logger writes each whole.
type Log struct {
	mu     sync.Mutex
	text   bytes.Buffer
	access []Line
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var one Line
	if json.Unmarshal(p, &one) == nil && one["message"] == "exchange" {
		l.access = append(l.access, one)
	}
	return l.text.Write(p)
}

// String returns all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Exchanges returns the access lines.
func (l *Log) Exchanges() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.access)
}

// Has reports whether the text was logged.
func (l *Log) Has(text string) bool { return strings.Contains(l.String(), text) }
