package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/bench/internal/proc"
	"github.com/apim-edge/apim-edge/bench/internal/report"
)

// wantedFiles is how many file descriptors a proxy needs for 10,000 streams,
// with room.
const wantedFiles = 65536

// checkLoopback refuses to run where there is no loopback: nothing here may
// ever be sent anywhere else.
func checkLoopback() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("no loopback interface to measure on: %w", err)
	}
	defer listener.Close()
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return fmt.Errorf("loopback does not answer: %w", err)
	}
	return c.Close()
}

// raiseFiles raises the limit of open files for the bench and all it starts,
// and returns the limit. syscall.Setrlimit is used because Go would otherwise
// give its children the old limit back.
func raiseFiles() int {
	want := syscall.Rlimit{Cur: wantedFiles, Max: wantedFiles}
	var have syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &have); err == nil {
		want.Max = max(have.Max, wantedFiles)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want); err == nil {
		return wantedFiles
	}
	have.Cur = min(have.Max, wantedFiles) // not allowed to raise the hard limit
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &have)
	return int(have.Cur)
}

// cpuPlan divides the CPUs: peers on the last ones, load and upstream on the
// rest. Where there is no rest they share.
func cpuPlan(cores int) (peerCPUs, loadCPUs []int, err error) {
	all, err := proc.Allowed()
	if err != nil {
		return nil, nil, err
	}
	if cores < 1 || cores > len(all) {
		return nil, nil, fmt.Errorf("--cores %d: this machine lets the bench use %d", cores, len(all))
	}
	if cores == len(all) {
		return all, all, nil
	}
	return all[len(all)-cores:], all[:len(all)-cores], nil
}

func describeMachine(cores int, peerCPUs, loadCPUs []int) report.Machine {
	m := report.Machine{
		CPU: cpuModel(), CPUs: runtime.NumCPU(), Go: runtime.Version(),
		Cores: cores, PeerCPUs: peerCPUs, LoadCPUs: loadCPUs,
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	// As sysinfo has it, on systems that have no such call, too: unknown there.
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		kib := 0
		_, _ = fmt.Sscanf(string(text), "MemTotal: %d kB", &kib)
		m.MemoryGiB = (kib + 1<<19) >> 20
	}
	return m
}

func cpuModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return strings.TrimLeft(name, "\t: ")
		}
	}
	return "unknown CPU"
}

func commit(root string) string {
	cmd := exec.Command("git", "describe", "--always", "--dirty", "--tags")
	cmd.Dir = root
	output, err := cmd.Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(output))
}

// build builds the programs of the packages into the folder. One that does not
// build is no reason to measure nothing: its peer is reported as absent.
func build(root, folder string, packages []string) error {
	var failed []error
	for _, name := range packages {
		cmd := exec.Command("go", "build", "-o", folder+"/", name)
		cmd.Dir = root
		if output, err := cmd.CombinedOutput(); err != nil {
			failed = append(failed, fmt.Errorf("go build %s: %s", name, lastLine(output)))
		}
	}
	return errors.Join(failed...)
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}
