//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestTheLogMayDie holds that clients are served whatever becomes of standard error,
// that the lines lost are counted, and that the edge still ends in order.
func TestTheLogMayDie(t *testing.T) {
	for _, tc := range []struct {
		name string
		// start sets the log of p, starts it by serve, and breaks the log.
		start func(t *testing.T, p *process)
		lost  bool // lines are counted as lost
	}{
		{"the reader of a pipe ends", func(t *testing.T, p *process) {
			r, w := pipe(t)
			p.Stderr = w
			p.serve()
			_ = w.Close()
			_ = r.Close()
		}, true},
		{"the reader has ended before the start", func(t *testing.T, p *process) {
			r, w := pipe(t)
			p.Stderr = w
			_ = r.Close()
			p.serve()
			_ = w.Close()
		}, true},
		{"the reader of standard output, too", func(t *testing.T, p *process) {
			r, w := pipe(t)
			p.Stdout, p.Stderr = w, w
			p.serve()
			_ = w.Close()
			_ = r.Close()
		}, true},
		{"the disk is full", func(t *testing.T, p *process) {
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			testkit.Must(t, err)
			defer full.Close() //nolint:errcheck // the process has its own
			p.Stderr = full
			p.serve()
		}, true},
		{"the file may not grow (SIGXFSZ)", func(t *testing.T, p *process) {
			p.through(`ulimit -f 0; exec "$0" "$@" 2>'` + filepath.Join(p.dir, "log") + `'`)
			p.serve()
		}, true},
		{"standard error is closed", func(t *testing.T, p *process) {
			p.through(`exec "$0" "$@" 2>&-`)
			p.serve()
		}, false},
		{"all standard descriptors are closed", func(t *testing.T, p *process) {
			p.through(`exec "$0" "$@" 0<&- 1>&- 2>&-`)
			p.serve()
		}, false},
		{"it is only readable", func(t *testing.T, p *process) {
			p.through(`exec "$0" "$@" 2<'` + filepath.Join(p.dir, "edge.yaml") + `'`)
			p.serve()
		}, true},
		{"a terminal hangs up, of another session", func(t *testing.T, p *process) {
			master, slave := openTerminal(t)
			p.Stderr = slave
			p.serve()
			_ = slave.Close()
			_ = master.Close()
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProcess(t, "--log-format", "json")
			tc.start(t, p)
			for range 20 {
				p.answers()
			}
			p.eventually("lost lines are counted", func() bool {
				n, err := strconv.ParseFloat(p.metric("apim_edge_log_lines_lost_total"), 64)
				return err == nil && (!tc.lost || n >= 20)
			})
			p.answers()
			p.signal(syscall.SIGTERM)
			p.ends(0)
		})
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	testkit.Must(t, err)
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// through has a shell start the process, by this line.
func (p *process) through(line string) {
	p.t.Helper()
	self, err := exec.LookPath("apim-edge")
	testkit.Must(p.t, err)
	p.Args = append([]string{"sh", "-c", line, self}, p.Args[1:]...)
	if p.Path, err = exec.LookPath("sh"); err != nil {
		p.t.Fatal(err)
	}
}

// TestClosedDescriptorsAreNotReused holds that a connection never becomes standard
// error: a client would read the log.
func TestClosedDescriptorsAreNotReused(t *testing.T) {
	p := newProcess(t)
	p.through(`exec "$0" "$@" 0<&- 1>&- 2>&-`)
	p.serve()
	for fd := range 3 {
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.Process.Pid, fd))
		if err != nil || name != "/dev/null" {
			t.Errorf("descriptor %d is %s, %v; want /dev/null", fd, name, err)
		}
	}
}

// TestALogThatIsReadAgain holds for a FIFO that a new reader finds whole lines, the
// first of which tell how many were lost.
func TestALogThatIsReadAgain(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	name := filepath.Join(p.dir, "log")
	testkit.Must(t, unix.Mkfifo(name, 0o600))
	first, err := os.OpenFile(name, os.O_RDWR, 0) // does not wait
	testkit.Must(t, err)
	defer first.Close() //nolint:errcheck // closed below
	w, err := os.OpenFile(name, os.O_WRONLY, 0)
	testkit.Must(t, err)
	p.Stderr = w
	p.serve()
	_ = w.Close()
	_ = first.Close()
	p.eventually("lines are lost", func() bool {
		p.answers()
		return p.metric("apim_edge_log_lines_lost_total") != "0"
	})
	again, err := os.OpenFile(name, os.O_RDONLY, 0)
	testkit.Must(t, err)
	defer again.Close() //nolint:errcheck // a test's end
	told := make(chan string, 1)
	go func() {
		defer close(told)
		for in := bufio.NewScanner(again); in.Scan(); {
			if line := in.Text(); !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "}") {
				t.Errorf("torn line %q", line)
			} else if strings.Contains(line, "lines of the log were lost") {
				told <- line
				return
			}
		}
	}()
	var line string
	p.eventually("the log says how many", func() bool {
		p.answers()
		select {
		case line = <-told:
			return true
		default:
			return false
		}
	})
	if !strings.Contains(line, `"level":"warn","lines":`) {
		t.Errorf("line %q", line)
	}
}

// TestALogThatSomebodyMadeNonBlocking holds that no line is lost for it: the flag
// belongs to the pipe and not to a process, and others share it.
func TestALogThatSomebodyMadeNonBlocking(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	var ends [2]int
	testkit.Must(t, unix.Pipe2(ends[:], unix.O_CLOEXEC))
	r, w := os.NewFile(uintptr(ends[0]), "r"), os.NewFile(uintptr(ends[1]), "w")
	defer r.Close() //nolint:errcheck // a test's end
	p.Stderr = w
	p.serve()
	testkit.Must(t, unix.SetNonblock(ends[1], true))
	_ = w.Close()
	const asked = 400 // more than a pipe of 64 KiB holds
	for range asked {
		p.answers()
	}
	got := make(chan int)
	go func() {
		n := 0
		for in := bufio.NewScanner(r); in.Scan(); {
			if strings.HasSuffix(in.Text(), `"message":"exchange"}`) {
				n++
			}
		}
		got <- n
	}()
	p.eventually("nothing is lost", func() bool { return p.metric("apim_edge_log_lines_lost_total") == "0" })
	p.signal(syscall.SIGTERM)
	p.ends(0)
	if n := <-got; n != asked+1 { // serve asks once
		t.Errorf("%d access lines, want %d", n, asked+1)
	}
}

// TestALogThatNobodyReadsDoesNotHoldUpTheEnd holds it for a pipe that is full.
func TestALogThatNobodyReadsDoesNotHoldUpTheEnd(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	r, w := pipe(t)
	p.Stderr = w
	p.serve()
	_ = w.Close()
	for range 400 {
		p.answers()
	}
	p.signal(syscall.SIGTERM)
	p.ends(0)
	_ = r.Close()
}

// TestCommandsEndWithTheirReader holds that what writes to people or pipes ends
// quietly once nobody reads, and says so where a disk is full.
func TestCommandsEndWithTheirReader(t *testing.T) {
	for _, args := range [][]string{
		{"version"}, {"--help"}, {"--version"}, {"check", "--upstream", "https://contoso.azure-api.net"}, {"serve", "--help"},
		{"explain", "--upstream", "https://contoso.azure-api.net", "/openai/v1/models"}, {"demo", "--once", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--page", "127.0.0.1:0", "--upstream", "127.0.0.1:0"},
	} {
		name := strings.Join(args[:min(2, len(args))], " ")
		t.Run(name, func(t *testing.T) {
			r, w := pipe(t)
			_ = r.Close()
			cmd := exec.Command("apim-edge", args...)
			var stderr proxytest.Log
			cmd.Stdout, cmd.Stderr = w, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			quiet := err == nil || errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGPIPE //nolint:forcetypeassert // on Linux
			if !quiet || stderr.String() != "" {
				t.Errorf("without a reader: %v, stderr %q", err, &stderr)
			}
		})
	}
}
