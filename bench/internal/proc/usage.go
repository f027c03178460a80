package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is the CPU time used so far by each thread of a process tree.
type CPU struct {
	threads map[int]time.Duration // by schedstat: exact, but only of living threads
	total   time.Duration         // by stat: whole ticks, with threads that have ended
}

// tick is the unit of /proc/PID/stat; it is 10 ms on every Linux that has been
// built for years (USER_HZ).
const tick = 10 * time.Millisecond

// Since returns the CPU time used since an earlier reading. The exact count is
// taken unless a thread ended in between and took its time with it.
func (c CPU) Since(before CPU) time.Duration {
	var used time.Duration
	for tid, now := range c.threads {
		used += now - before.threads[tid]
	}
	for tid := range before.threads {
		if _, alive := c.threads[tid]; !alive {
			return max(used, c.total-before.total)
		}
	}
	return used
}

// CPU reads the CPU time of the process tree.
func (p *Process) CPU() CPU { return readCPU(p.tree()) }

// SelfCPU reads the CPU time of the bench itself.
func SelfCPU() CPU { return readCPU([]int{os.Getpid()}) }

func readCPU(pids []int) CPU {
	c := CPU{threads: make(map[int]time.Duration)}
	for _, pid := range pids {
		fields := statFields(pid)
		if len(fields) > 12 { // utime and stime, counted behind the command name
			user, _ := strconv.Atoi(fields[11])
			system, _ := strconv.Atoi(fields[12])
			c.total += time.Duration(user+system) * tick
		}
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, path := range threads {
			text, err := os.ReadFile(path)
			if err != nil {
				continue // ended between the two looks
			}
			onCPU, _, _ := strings.Cut(string(text), " ")
			nanoseconds, _ := strconv.ParseInt(onCPU, 10, 64)
			tid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			c.threads[tid] = time.Duration(nanoseconds)
		}
	}
	return c
}

// statFields returns the fields of /proc/PID/stat behind the command name,
// which may hold spaces.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// tree returns the processes of the group.
func (p *Process) tree() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []int{p.Pid}
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields := statFields(pid); len(fields) > 2 && fields[2] == strconv.Itoa(p.Pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// PSS returns the memory of the process tree in bytes, pages that processes
// share being divided among them.
func (p *Process) PSS() (int64, error) {
	var sum int64
	for _, pid := range p.tree() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) > 1 && fields[0] == "Pss:" {
				kib, _ := strconv.ParseInt(fields[1], 10, 64)
				sum += kib << 10
			}
		}
	}
	return sum, nil
}
