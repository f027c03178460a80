package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
)

// accessLog reads what the edge writes, checks each line and keeps it in a file.
type accessLog struct {
	ledger    *ledger
	listening map[string]chan string
	keep      *gzip.Writer

	mu      sync.Mutex
	lines   int64 // of exchanges
	other   map[string]int64
	seen    bitset
	recent  []string
	bytes   int64
	notJSON int
	leaks   int // lines with a credential
}

func newAccessLog(l *ledger, keep io.Writer) *accessLog {
	return &accessLog{
		ledger: l, keep: gzip.NewWriter(keep), other: map[string]int64{},
		listening: map[string]chan string{"clients": make(chan string, 1), "admin": make(chan string, 1)},
	}
}

// read takes lines until the edge has gone.
func (a *accessLog) read(r io.ReadCloser) {
	defer r.Close()
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			_, _ = a.keep.Write(line)
			a.take(line)
		}
		if err != nil {
			_ = a.keep.Close()
			return
		}
	}
}

// take checks one line.
func (a *accessLog) take(line []byte) {
	leaks := bytes.Contains(line, []byte(a.ledger.marker))
	if leaks {
		a.ledger.found("a credential stands in the log: %.500s", line)
	}
	var entry struct {
		Level     string `json:"level"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
		Listener  string `json:"listener"`
		Address   string `json:"address"`
	}
	err := json.Unmarshal(line, &entry)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes += int64(len(line))
	if leaks {
		a.leaks++
	}
	a.recent = append(a.recent[max(0, len(a.recent)-40):], string(line))
	switch {
	case err != nil: // a panic, or the race detector
		a.notJSON++
		if a.notJSON <= 60 {
			a.ledger.found("a line of the log is no JSON: %.300s", bytes.TrimSpace(line))
		}
	case entry.Message == "exchange":
		a.lines++
		if seq, ours := sequence(entry.RequestID); ours && !a.seen.add(seq) {
			a.ledger.found("a second access line of %s: %.500s", entry.RequestID, line)
		}
	case entry.Message == "listening":
		a.listening[entry.Listener] <- entry.Address
	default:
		a.other[entry.Level+": "+entry.Message]++
		if strings.HasPrefix(entry.Message, "panic") {
			a.ledger.found("%s", line)
		}
	}
}

// exchanges returns how many access lines there are.
func (a *accessLog) exchanges() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lines
}

// secrets returns how many lines hold a credential.
func (a *accessLog) secrets() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leaks
}

// missing returns the exchanges that were answered and have no access line.
func (a *accessLog) missing() (ids []uint64) {
	a.ledger.mu.Lock()
	answered := slices.Clone(a.ledger.answered)
	a.ledger.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	for seq := range uint64(len(answered)) * 64 {
		if answered.has(seq) && !a.seen.has(seq) {
			ids = append(ids, seq)
		}
	}
	return ids
}

// last returns the last lines.
func (a *accessLog) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.recent, "")
}
