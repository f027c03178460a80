// Package edge builds, starts, watches and ends the apim-edge under test: a
// process, its log line by line, its metrics, and what the kernel says of it.
package edge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// Build builds the program into dir with further flags of go build, or takes the
// one that EDGE_BINARY names: one with the race detector, for example.
func Build(dir string, flags ...string) (binary string, err error) {
	if binary = os.Getenv("EDGE_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	binary = filepath.Join(dir, "apim-edge")
	argv := append([]string{"build", "-o", binary}, flags...)
	argv = append(argv, "github.com/apim-edge/apim-edge/cmd/apim-edge")
	if out, err := exec.Command("go", argv...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build apim-edge (inside the source tree, or name one in EDGE_BINARY): %w\n%s", err, out)
	}
	return binary, nil
}

// Edge is an apim-edge, one life after the other, and all that it logs.
type Edge struct {
	Binary, Config string     // the program and its file
	Flags          []string   // of serve, besides the file
	Sockets        []*os.File // handed over as systemd does
	SocketNames    []string   // theirs
	OnLine         func(Line) // told of each line, in order; may be nil
	Keep           int        // how many lines are kept; 0: all

	cmd            *exec.Cmd
	clients, admin string // addresses, once it has started
	exited         chan struct{}

	mu    sync.Mutex
	seen  *sync.Cond // told of each line, and of the end
	lines []Line
	other strings.Builder // what is no JSON, such as a panic
	err   error           // how it ended
	told  bool            // to end

	killed atomic.Bool // which leaves half a line
}

// Start runs the process, with commands of the shell in front, and waits until it
// listens. It may be called again when the process has gone.
func (e *Edge) Start(shell ...string) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	args := append([]string{"serve", "--config", e.Config}, e.Flags...)
	e.cmd = exec.Command(e.Binary, args...)
	if len(e.Sockets) > 0 {
		shell = append(shell, "export LISTEN_PID=$$ LISTEN_FDS="+strconv.Itoa(len(e.Sockets)), "export LISTEN_FDNAMES="+strings.Join(e.SocketNames, ":"))
	}
	if len(shell) > 0 {
		script := strings.Join(append(shell, `exec "$0" "$@"`), "; ")
		e.cmd = exec.Command("/bin/sh", append([]string{"-c", script, e.Binary}, args...)...)
	}
	e.cmd.ExtraFiles = e.Sockets
	e.cmd.Stdout, e.cmd.Stderr = writer, writer
	// A binary with the race detector would sleep for a second at its end.
	e.cmd.Env = append(os.Environ(), "GOTRACEBACK=all", "GORACE=atexit_sleep_ms=0")
	if text, err := os.ReadFile(e.Config); err == nil && !strings.Contains(string(text), "drain_delay") {
		e.cmd.Env = append(e.cmd.Env, "APIM_EDGE__TIMEOUTS__DRAIN_DELAY=0") // there is no balancer
	}
	e.cmd.SysProcAttr = testkit.Apart()
	e.clients, e.admin, e.exited, e.told, e.err = "", "", make(chan struct{}), false, nil
	e.other.Reset()
	e.killed.Store(false)
	e.seen = sync.NewCond(&e.mu)
	if err := e.cmd.Start(); err != nil {
		_ = reader.Close()
		_ = writer.Close()
		return fmt.Errorf("start apim-edge: %w", err)
	}
	_ = writer.Close()
	go e.collect(reader)
	// The admin listener speaks first: who sees both addresses sees clients last.
	if err := e.Await("the edge to listen", func() bool { return e.clients != "" }); err != nil {
		e.Kill()
		return fmt.Errorf("%w; its log:\n%s", err, e.Log())
	}
	return nil
}

// collect keeps the log; at its end the edge has gone.
func (e *Edge) collect(r io.ReadCloser) {
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		text, err := in.ReadString('\n')
		if whole := err == nil; text != "" && (whole || !e.killed.Load()) {
			e.note(parseLine(text))
		}
		if err != nil {
			break
		}
	}
	_ = r.Close()
	err := e.cmd.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
	e.seen.Broadcast() // in front of the end, behind which Start may follow
	close(e.exited)
}

func (e *Edge) note(l Line) {
	if e.OnLine != nil {
		e.OnLine(l)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.Broken {
		e.other.WriteString(l.Text)
	}
	if e.lines = append(e.lines, l); e.Keep > 0 && len(e.lines) > 2*e.Keep {
		e.lines = append([]Line(nil), e.lines[e.Keep:]...)
	}
	switch {
	case l.Message != "listening":
	case l.Listener == "admin":
		e.admin = l.Address
	default:
		e.clients = l.Address
	}
	e.seen.Broadcast()
}

// Await blocks until ready, which is called with the log locked, or until the
// edge has gone.
func (e *Edge) Await(what string, ready func() bool) error {
	expired := false
	timer := time.AfterFunc(testkit.Patience, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		expired = true
		e.seen.Broadcast()
	})
	defer timer.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for !ready() {
		switch {
		case e.Gone():
			return fmt.Errorf("the edge exited while the test waited for %s", what)
		case expired:
			return fmt.Errorf("waited %s for %s", testkit.Patience, what)
		}
		e.seen.Wait()
	}
	return nil
}

// AwaitLine returns the first line, past or to come, that fits.
func (e *Edge) AwaitLine(what string, fits func(Line) bool) (found Line, err error) {
	next := 0
	err = e.Await(what, func() bool {
		for ; next < len(e.lines); next++ {
			if found = e.lines[next]; fits(found) {
				return true
			}
		}
		return false
	})
	return found, err
}

// Logged is ready when a line has text. For use in Await.
func (e *Edge) Logged(text string) (ready func() bool) {
	return func() bool {
		for _, l := range e.lines {
			if strings.Contains(l.Text, text) {
				return true
			}
		}
		return false
	}
}

// Lines returns the lines whose message contains the text; none: all.
func (e *Edge) Lines(message string) (found []Line) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.lines {
		if message == "" || strings.Contains(l.Message, message) {
			found = append(found, l)
		}
	}
	return found
}

// Count is len(Lines(message)).
func (e *Edge) Count(message string) int { return len(e.Lines(message)) }

// Log returns what it has written so far.
func (e *Edge) Log() string {
	var b strings.Builder
	for _, l := range e.Lines("") {
		b.WriteString(l.Text)
	}
	return b.String()
}

// Words returns the end of the log that is of use when something is wrong.
func (e *Edge) Words() string {
	var b strings.Builder
	for _, l := range e.Lines("") {
		if l.Message != "exchange" {
			b.WriteString(l.Text)
		}
	}
	return b.String()[max(0, b.Len()-6000):]
}

// Address returns where clients connect.
func (e *Edge) Address() string { return e.clients }

// AdminAddress returns where its operator connects.
func (e *Edge) AdminAddress() string { return e.admin }

// Pid returns the number of its process.
func (e *Edge) Pid() int { return e.cmd.Process.Pid }

// Exited is closed when it has gone.
func (e *Edge) Exited() <-chan struct{} { return e.exited }

// Gone reports whether it has.
func (e *Edge) Gone() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// Signal sends a signal, SIGTERM once only: a second one ends the edge at once.
func (e *Edge) Signal(signal syscall.Signal) error {
	e.mu.Lock()
	again := signal == syscall.SIGTERM && e.told
	e.told = e.told || signal == syscall.SIGTERM
	e.mu.Unlock()
	if again {
		return nil
	}
	return e.cmd.Process.Signal(signal)
}

// Stop ends it as an operator would and returns its whole log. It must go by
// itself, with exit code 0, and have said nothing but log lines: no panic, no race.
func (e *Edge) Stop() (log string, err error) {
	_ = e.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
	case <-time.After(testkit.Patience):
		e.Kill()
		return e.Log(), fmt.Errorf("the edge still ran %s after SIGTERM", testkit.Patience)
	}
	log = e.Log()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return log, fmt.Errorf("the edge ended with %w", e.err)
	}
	if e.other.Len() > 0 {
		return log, errors.New("the edge has written what is no log line: " + e.other.String())
	}
	return log, nil
}

// Kill ends it at once, with SIGKILL.
func (e *Edge) Kill() {
	e.killed.Store(true)
	_ = e.cmd.Process.Kill() // an error: it has ended by itself
	<-e.exited
}
