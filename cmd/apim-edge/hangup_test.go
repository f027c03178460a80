//go:build linux

package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// inTerminal has the process lead the session of a terminal of its own, as a program
// that a window or an ssh session runs.
func (p *process) inTerminal() (master *os.File) {
	p.t.Helper()
	master, slave := openTerminal(p.t)
	p.Stdin, p.Stdout, p.Stderr = slave, slave, slave
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p.t.Cleanup(func() { _ = slave.Close() })
	return master
}

// hangUp closes both ends; the kernel sends SIGHUP to the leader of the session.
func hangUp(p *process, master *os.File) {
	if slave, ok := p.Stdin.(*os.File); ok {
		_ = slave.Close()
	}
	_ = master.Close()
}

// discard reads what the program writes to its terminal, until stop: a read that is
// under way would keep the terminal open behind Close.
func discard(master *os.File) (stop func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4<<10)
		for {
			select {
			case <-stopped:
				return
			default:
			}
			fds := []unix.PollFd{{Fd: int32(master.Fd()), Events: unix.POLLIN}} //nolint:gosec // a descriptor
			if n, _ := unix.Poll(fds, 10); n == 0 {
				continue
			}
			if _, err := master.Read(buffer); err != nil {
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(stopped); <-done })
}

// TestTheTerminalHangsUp holds that a program in the foreground does not outlive it,
// and ends in order.
func TestTheTerminalHangsUp(t *testing.T) {
	p := newProcess(t)
	master := p.inTerminal()
	stop := discard(master)
	defer stop()
	p.serve()
	stop()
	hangUp(p, master)
	p.ends(0)
}

// TestTheTerminalHangsUpAndTheLogIsAFile holds that a redirected log makes no
// difference, and tells why it ended.
func TestTheTerminalHangsUpAndTheLogIsAFile(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	master := p.inTerminal()
	log := p.logged()
	p.serve()
	hangUp(p, master)
	p.ends(0)
	if !log.Has(`"trigger":"terminal"`) || !log.Has(`"message":"stopped"`) {
		t.Errorf("the log does not tell why it ended:\n%s", log)
	}
}

// TestNohup holds that with it the edge goes on, whatever becomes of the terminal,
// and that SIGHUP is a reload.
func TestNohup(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	master := p.inTerminal()
	log := p.logged()
	p.through(`trap '' HUP; exec "$0" "$@"`) // what nohup does
	p.serve()
	hangUp(p, master)
	p.eventually("a reload", func() bool { return log.Has(`"trigger":"signal"`) })
	p.answers()
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// TestSIGHUPInATerminalIsAReload holds it while the terminal is there.
func TestSIGHUPInATerminalIsAReload(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	p.inTerminal()
	log := p.logged()
	p.serve()
	p.signal(syscall.SIGHUP)
	p.eventually("a reload", func() bool { return log.Has(`"trigger":"signal"`) })
	p.answers()
}

// TestAJobOutlivesItsTerminal holds that an edge that no hang-up was sent to goes on,
// says so, and reloads by SIGHUP later.
func TestAJobOutlivesItsTerminal(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	master, slave := openTerminal(t)
	p.Stdin = slave // it is not the terminal of its session
	log := p.logged()
	p.serve()
	_ = slave.Close()
	_ = master.Close()
	p.eventually("it has seen that the terminal is gone", func() bool { return log.Has("the terminal has gone") })
	p.signal(syscall.SIGHUP)
	p.eventually("a reload", func() bool { return log.Has(`"trigger":"signal"`) })
	p.answers()
}

// TestATerminalThatStopsWritersStopsNothing holds that a job in the background whose
// log goes to a terminal with "stty tostop" is not stopped by what it writes.
func TestATerminalThatStopsWritersStopsNothing(t *testing.T) {
	p := newProcess(t)
	master, slave := openTerminal(t)
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	testkit.Must(t, err)
	settings.Lflag |= unix.TOSTOP
	testkit.Must(t, unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, settings))
	p.Stdin, p.Stdout, p.Stderr = slave, slave, slave
	// The shell leads the session and stays in the foreground.
	p.through("set -m; \"$0\" \"$@\" & echo $! > '" + filepath.Join(p.dir, "pid") + "'; wait")
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	seen := &proxytest.Log{}
	go io.Copy(seen, master) //nolint:errcheck // until it is closed
	job := 0
	t.Cleanup(func() {
		if job != 0 {
			_ = syscall.Kill(job, syscall.SIGKILL) // an error: it has ended already
		}
	})
	p.run()
	p.eventually("the shell has started it", func() bool {
		text, err := os.ReadFile(filepath.Join(p.dir, "pid"))
		if err == nil {
			job, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err == nil
	})
	p.ready()
	for range 10 {
		p.answers()
	}
	p.eventually("the log is written", func() bool { return strings.Count(seen.String(), " complete") >= 10 })
	testkit.Must(t, syscall.Kill(job, syscall.SIGTERM))
	p.ends(0) // the shell, which waits for the job
	job = 0
	_ = master.Close()
}
