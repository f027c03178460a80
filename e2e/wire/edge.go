//go:build e2e

package wire

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Edge is a running apim-edge.
type Edge struct {
	Clients, Admin string // addresses

	cmd    *exec.Cmd
	exited chan struct{}

	mu   sync.Mutex
	log  strings.Builder
	seen *sync.Cond
	err  error
	told bool // to end
}

// buildEdge builds the binary into dir, or takes the one that EDGE_BINARY
// names: one built with the race detector, for example.
func buildEdge(dir string) (string, error) {
	if binary := os.Getenv("EDGE_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	binary := filepath.Join(dir, "apim-edge")
	build := exec.Command("go", "build", "-o", binary, "./cmd/apim-edge")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build apim-edge: %w\n%s", err, out)
	}
	return binary, nil
}

// startEdge runs the binary with a configuration and waits until it listens.
func startEdge(binary, config string) (*Edge, error) {
	e := &Edge{cmd: exec.Command(binary, "serve", "--config", config), exited: make(chan struct{})}
	e.seen = sync.NewCond(&e.mu)
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e.cmd.Stdout, e.cmd.Stderr = writer, writer
	// A binary with the race detector would sleep for a second at its end.
	e.cmd.Env = append(os.Environ(), "GOTRACEBACK=all", "GORACE=atexit_sleep_ms=0")
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	_ = writer.Close()
	go e.collect(reader)
	listening := func() bool { return e.Clients != "" }
	if err := e.Await("the edge to listen", listening); err != nil {
		e.kill()
		return nil, fmt.Errorf("%w; its log:\n%s", err, e.Log())
	}
	return e, nil
}

// collect keeps the log and notes the addresses; at its end the edge has gone.
func (e *Edge) collect(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		e.update(func() {
			e.log.WriteString(line)
			e.note(line)
		})
		if err != nil {
			break
		}
	}
	err := e.cmd.Wait()
	e.update(func() { e.err = err })
	close(e.exited)
	e.update(func() {})
}

func (e *Edge) update(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
	e.seen.Broadcast()
}

func (e *Edge) note(line string) {
	var entry struct{ Message, Listener, Address string }
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Message != "listening" {
		return
	}
	switch entry.Listener {
	case "clients":
		e.Clients = entry.Address
	case "admin":
		e.Admin = entry.Address
	}
}

// Await blocks until ready, which is called with the log locked, or until the
// edge has gone.
func (e *Edge) Await(what string, ready func() bool) error {
	expired := false
	timer := time.AfterFunc(patience, func() { e.update(func() { expired = true }) })
	defer timer.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for !ready() {
		if e.gone() {
			return fmt.Errorf("the edge exited while the test waited for %s", what)
		}
		if expired {
			return fmt.Errorf("waited %s for %s", patience, what)
		}
		e.seen.Wait()
	}
	return nil
}

func (e *Edge) gone() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// Log returns what the edge has written so far.
func (e *Edge) Log() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.String()
}

// Logged tells whether the log contains text. For use in Await.
func (e *Edge) Logged(text string) func() bool {
	return func() bool { return strings.Contains(e.log.String(), text) }
}

// Signal sends a signal, SIGTERM once only: a second one ends the edge at once.
func (e *Edge) Signal(signal syscall.Signal) error {
	if signal == syscall.SIGTERM && e.told {
		return nil
	}
	e.told = e.told || signal == syscall.SIGTERM
	return e.cmd.Process.Signal(signal)
}

// Address returns where clients connect.
func (e *Edge) Address() string { return e.Clients }

// Stop ends the edge as an operator would and returns its whole log. It must
// go by itself, and with exit code 0.
func (e *Edge) Stop() (log string, err error) {
	_ = e.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
	case <-time.After(patience):
		e.kill()
		return e.Log(), fmt.Errorf("the edge still ran %s after SIGTERM", patience)
	}
	if e.err != nil {
		return e.Log(), fmt.Errorf("the edge ended with %w", e.err)
	}
	return e.Log(), nil
}

func (e *Edge) kill() {
	_ = e.cmd.Process.Kill()
	<-e.exited
}
