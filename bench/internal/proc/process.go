// Package proc starts the processes of a bench run on chosen CPUs and reads
// what they use: CPU time, memory and system calls of the whole process tree.
package proc

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Spec says what to start.
type Spec struct {
	Argv []string
	Env  []string // added to the bench's own
	Dir  string
	CPUs []int // empty: all
	// Output is a file that standard output is appended to; empty: its end is kept, as
	// the end of standard error always is.
	Output string
}

// Process is a running process with all its descendants: they share its
// process group.
type Process struct {
	Pid    int
	output tail
	exited chan struct{}
}

// Start starts a process. It and its descendants die with the bench.
func Start(spec Spec) (*Process, error) {
	cmd := exec.Command(spec.Argv[0], spec.Argv[1:]...)
	cmd.Dir = spec.Dir
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.SysProcAttr = together()
	p := &Process{exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	if spec.Output != "" {
		file, err := os.OpenFile(spec.Output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		cmd.Stdout = file
	}
	if err := startOn(cmd, spec.CPUs); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Argv[0], err)
	}
	p.Pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Output returns the last lines that the process wrote.
func (p *Process) Output() string { return p.output.String() }

// Stop ends the process and its descendants: politely, then not.
func (p *Process) Stop() { p.End(time.Second) }

// End is Stop for a process that may take so long.
func (p *Process) End(within time.Duration) {
	_ = syscall.Kill(-p.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(within):
	}
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	<-p.exited
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > 8<<10 {
		t.kept = t.kept[len(t.kept)-4<<10:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(string(bytes.TrimSpace(t.kept)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}
