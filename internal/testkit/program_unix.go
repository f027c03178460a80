//go:build unix

package testkit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Program is a program that runs beside a test, and what it has said.
type Program struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it ended
	said   Log
}

// Start runs a program. What it says is kept, where the command has no other place for it.
func Start(cmd *exec.Cmd) (*Program, error) {
	p := &Program{cmd: cmd, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.said
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.said
	}
	cmd.SysProcAttr, cmd.WaitDelay = Apart(), time.Second // a child of its own may hold its output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Run is Start for a test, at whose end the program is told to end. If the test has failed,
// the log has the end of what the program said.
func Run(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.End()
		if t.Failed() {
			text := p.Said()
			t.Logf("the end of what %s said:\n%s", cmd.Path, text[max(0, len(text)-2000):])
		}
	})
	return p
}

// Serve is Run for a program that listens at an address, and waits until it does.
func Serve(t testing.TB, address string, cmd *exec.Cmd) *Program {
	t.Helper()
	p := Run(t, cmd)
	if err := p.Await(func() bool { return listens(address) }); err != nil {
		t.Fatalf("it does not listen at %s: %v", address, err)
	}
	return p
}

func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// Await waits until ready returns true, or says how far the program has come instead.
func (p *Program) Await(ready func() bool) error {
	if Eventually(Patience, func() bool { return p.Gone() || ready() }) && !p.Gone() {
		return nil
	}
	end := "runs"
	if p.Gone() {
		end = fmt.Sprintf("has ended (%v)", p.err)
	}
	return fmt.Errorf("%s %s, and said\n%s", p.cmd.Path, end, p.Said())
}

// Said returns what it has said so far.
func (p *Program) Said() string { return p.said.String() }

// Exited is closed when it has gone.
func (p *Program) Exited() <-chan struct{} { return p.exited }

// Gone reports whether it has.
func (p *Program) Gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Signal sends a signal; one that has gone hears nothing.
func (p *Program) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill ends it at once, and waits.
func (p *Program) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.exited
}

// End tells it to end, and waits.
func (p *Program) End() {
	p.Signal(syscall.SIGTERM)
	_ = p.Wait() // who runs it has asked no more than that it goes
}

// Wait waits for its end, and returns how that was. Who does not end is killed.
func (p *Program) Wait() error {
	select {
	case <-p.exited:
	case <-time.After(Patience):
		p.Kill()
	}
	return p.err
}

// Converse runs a program that is told things on its standard input, and answers on its
// standard output.
func Converse(cmd *exec.Cmd) (p *Program, in io.WriteCloser, out io.Reader, err error) {
	if in, err = cmd.StdinPipe(); err != nil {
		return nil, nil, nil, err
	}
	out, write := io.Pipe()
	cmd.Stdout = write
	if p, err = Start(cmd); err != nil {
		return nil, nil, nil, err
	}
	go func() {
		<-p.exited
		_ = write.Close()
	}()
	return p, in, out, nil
}

// Talk is Converse for a test, at whose end the program is told to end.
func Talk(t testing.TB, cmd *exec.Cmd) (in io.Writer, out *bufio.Reader) {
	t.Helper()
	p, in, answers, err := Converse(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, answers) // or it could not say the rest
		<-p.exited
	})
	return in, bufio.NewReader(answers)
}
