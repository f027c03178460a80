// Package proc starts the processes of a bench run on chosen CPUs and reads
// what they use: CPU time, memory and system calls of the whole process tree.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to start.
type Spec struct {
	Argv []string
	Env  []string // added to the bench's own
	Dir  string
	CPUs []int // empty: all
	// Quiet sends standard output to /dev/null; else its end is kept, as the
	// end of standard error always is.
	Quiet bool
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{exited: make(chan struct{})}
	cmd.Stderr = &p.output
	if !spec.Quiet {
		cmd.Stdout = &p.output
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

// startOn starts cmd so that it is on the CPUs from its first instruction: a
// new process inherits them from the thread that forks it.
func startOn(cmd *exec.Cmd, cpus []int) error {
	if len(cpus) == 0 {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	chosen := cpuSet(cpus)
	if err := unix.SchedSetaffinity(0, &chosen); err != nil {
		return fmt.Errorf("use CPUs %v: %w", cpus, err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	return cmd.Start()
}

func cpuSet(cpus []int) (set unix.CPUSet) {
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return set
}

// Allowed returns the CPUs that this process may use.
func Allowed() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// PinSelf moves all threads of this process onto the CPUs.
func PinSelf(cpus []int) error {
	set := cpuSet(cpus)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		tid := 0
		_, _ = fmt.Sscan(thread.Name(), &tid)
		if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Output returns the last lines that the process wrote.
func (p *Process) Output() string { return p.output.String() }

// Stop ends the process and its descendants: politely, then not.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(time.Second):
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
