//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take that ought to happen at once. It is
// no bound on speed: it ends a test that would otherwise hang.
const patience = 20 * time.Second

// Edge is a running apim-edge and all that it logs.
type Edge struct {
	URL   string // of the listener for clients
	Admin string // of the admin listener

	cmd    *exec.Cmd
	exited chan struct{}

	mu    sync.Mutex
	lines []logLine
	text  strings.Builder
	more  chan struct{} // closed and replaced at each line
}

// logLine is one line of the log, as far as tests look into it.
type logLine struct {
	Message   string `json:"message"`
	Listener  string `json:"listener"`
	Address   string `json:"address"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	RequestID string `json:"request_id"`
	Reason    string `json:"reason"`
	Status    int    `json:"status"`
	Cause     string `json:"cause"`
	Refused   string `json:"cors_refused"`
	raw       string
}

// startEdge runs the binary with a configuration file and waits until it listens.
func startEdge(config string) (*Edge, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e := &Edge{
		cmd:    exec.Command(edgeBinary, "serve", "--config", config),
		exited: make(chan struct{}), more: make(chan struct{}),
	}
	e.cmd.Stdout, e.cmd.Stderr = writer, writer
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start apim-edge: %w", err)
	}
	_ = writer.Close()
	go e.collect(reader)
	for listener, url := range map[string]*string{"clients": &e.URL, "admin": &e.Admin} {
		line, err := e.await(func(l logLine) bool { return l.Message == "listening" && l.Listener == listener })
		if err != nil {
			e.Kill()
			return nil, fmt.Errorf("apim-edge does not listen for %s: %w\n%s", listener, err, e.Log())
		}
		*url = "http://" + line.Address
	}
	return e, nil
}

// collect reads the log to its end, which is the end of the process.
func (e *Edge) collect(log io.ReadCloser) {
	defer log.Close()
	scanner := bufio.NewScanner(log)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := logLine{raw: scanner.Text()}
		_ = json.Unmarshal(scanner.Bytes(), &line) // a panic is no JSON
		e.mu.Lock()
		e.lines = append(e.lines, line)
		e.text.WriteString(line.raw + "\n")
		close(e.more)
		e.more = make(chan struct{})
		e.mu.Unlock()
	}
	_ = e.cmd.Wait() // what killed it stands in the log
	close(e.exited)
}

// await returns the first line, past or to come, that fits.
func (e *Edge) await(fits func(logLine) bool) (logLine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for seen := 0; ; {
		e.mu.Lock()
		lines, more := e.lines[seen:], e.more
		e.mu.Unlock()
		for _, line := range lines {
			if fits(line) {
				return line, nil
			}
		}
		seen += len(lines)
		select {
		case <-more:
		case <-e.exited:
			return logLine{}, errors.New("the process ended")
		case <-ctx.Done():
			return logLine{}, fmt.Errorf("no such line within %v", patience)
		}
	}
}

// access waits for the one access line of an exchange.
func (e *Edge) access(t *testing.T, requestID string) logLine {
	t.Helper()
	line, err := e.await(func(l logLine) bool { return l.Message == "exchange" && l.RequestID == requestID })
	if err != nil {
		t.Fatalf("access line of request %s: %v", requestID, err)
	}
	return line
}

// checkLog fails where the log holds a secret, or a line that is no JSON: the
// report of a panic or of the race detector.
func (e *Edge) checkLog(t *testing.T) {
	t.Helper()
	if secret := findSecret(e.Log()); secret != "" {
		t.Errorf("the log holds the secret %s", secret)
	}
	for line := range strings.Lines(e.Log()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("a line of the log is no JSON: %s\n%s", line, e.Log())
		}
	}
}

// Log returns all that was logged so far.
func (e *Edge) Log() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

// Kill ends the process at once.
func (e *Edge) Kill() {
	_ = e.cmd.Process.Kill() // it may have ended by itself
	<-e.exited
}
