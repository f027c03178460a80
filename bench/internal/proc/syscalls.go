package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrNoCounter says that this machine has no way to count system calls.
var ErrNoCounter = errors.New("neither perf (with raw_syscalls tracepoints) nor strace works here")

// Syscalls returns how many system calls per second the process tree makes,
// as counted for the given time. Counting slows the processes down, so nothing
// else is measured meanwhile.
func (p *Process) Syscalls(during time.Duration) (float64, error) {
	var pids []string
	for _, pid := range p.tree() {
		pids = append(pids, strconv.Itoa(pid))
	}
	if count, err := perfCount(pids, during); err == nil {
		return float64(count) / during.Seconds(), nil
	}
	if count, err := straceCount(pids, during); err == nil {
		return float64(count) / during.Seconds(), nil
	}
	return 0, ErrNoCounter
}

func perfCount(pids []string, during time.Duration) (int64, error) {
	// perf counts exactly while its own command runs.
	output, err := runFor(during+5*time.Second, "perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter",
		"-p", strings.Join(pids, ","), "--", "sleep", fmt.Sprintf("%.3f", during.Seconds()))
	if err != nil {
		return 0, err
	}
	count, _, _ := strings.Cut(strings.TrimSpace(output), ",")
	return strconv.ParseInt(count, 10, 64)
}

func straceCount(pids []string, during time.Duration) (int64, error) {
	argv := []string{"strace", "-c", "-f", "-q"}
	for _, pid := range pids {
		argv = append(argv, "-p", pid)
	}
	output, err := runFor(during, argv...)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) >= 5 && fields[len(fields)-1] == "total" {
			return strconv.ParseInt(fields[3], 10, 64)
		}
	}
	return 0, errors.New("strace gave no total")
}

// runFor runs a command, interrupts it if it takes longer than the time, and
// returns what it wrote to standard error.
func runFor(during time.Duration, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), during)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var errout bytes.Buffer
	cmd.Stderr = &errout
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 3 * time.Second
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start %s: %w", argv[0], err)
	}
	_ = cmd.Wait() // the interrupt makes it an error; the output tells
	return errout.String(), nil
}
