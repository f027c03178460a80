// Package peer stands behind the edge as its upstream: it accepts connections for
// whoever plays on them, in this process or in one of its own, which can be
// stopped and killed like any other.
package peer

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// Listener serves each connection in a goroutine of its own.
type Listener struct {
	Address string

	listener net.Listener
	serving  sync.WaitGroup
	mu       sync.Mutex
	conns    map[*raw.Conn]bool
}

// Listen serves with play, behind which a connection is closed. secure: over TLS.
func Listen(address string, secure *tls.Config, play func(*raw.Conn)) (*Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Listener{Address: l.Addr().String(), listener: l, conns: map[*raw.Conn]bool{}}
	s.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c := raw.Accepted(conn, secure)
			s.mu.Lock()
			s.conns[c] = true
			s.mu.Unlock()
			s.serving.Go(func() {
				play(c)
				_ = c.Close()
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.conns, c)
			})
		}
	})
	return s, nil
}

// Leave ends the listener and each connection in the same way.
func (s *Listener) Leave(how raw.Leaving) {
	_ = s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Leave(how)
	}
}

// Close ends it and waits until nobody plays any more.
func (s *Listener) Close() {
	s.Leave(raw.ByCut)
	s.serving.Wait()
}

// The environment of a peer in a process of its own.
const (
	roleName    = "E2E_PEER"
	roleAddress = "E2E_PEER_ADDRESS"
	roleCert    = "E2E_PEER_CERT"
	roleKey     = "E2E_PEER_KEY"
)

// Role returns what this process has been started as, "" if as itself, with where
// it listens and how. Whoever starts peers asks first of all.
func Role() (name, address string, secure *tls.Config) {
	name, address = os.Getenv(roleName), os.Getenv(roleAddress)
	if cert := os.Getenv(roleCert); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, os.Getenv(roleKey))
		if err != nil {
			panic(err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	return name, address, secure
}

// Process is this program in another role. What it tells, a line at a time, is
// not lost at a SIGKILL.
type Process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	exited chan struct{}
}

// Start begins a role; said is called with each line that it tells on its
// standard output, first of all with the address on which it listens.
func Start(role, address string, id *testcert.Certificate, said func(line string)) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(program), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), roleName+"="+role, roleAddress+"="+address)
	if id != nil {
		p.cmd.Env = append(p.cmd.Env, roleCert+"="+id.CertFile, roleKey+"="+id.KeyFile)
	}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe() // whose end tells it that this process has gone
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(bufio.NewReaderSize(out, 1<<20))
		for first := true; lines.Scan(); first = false {
			said(lines.Text())
			if first {
				close(ready)
			}
		}
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	select {
	case <-ready:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("the upstream %s has not come up", role)
	}
}

// Pid returns the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Tell writes a line to its standard input.
func (p *Process) Tell(line string) { _, _ = io.WriteString(p.in, line+"\n") }

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill ends it with SIGKILL and returns when all that it told has been heard.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	p.Wait()
}

// Wait waits for its end.
func (p *Process) Wait() { <-p.exited }
