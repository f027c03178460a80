package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// edge is the apim-edge under test.
type edge struct {
	clients, admin string // addresses
	log            *accessLog
	cmd            *exec.Cmd
	scraper        http.Client
	exited         chan struct{}
	err            error // how it ended; once exited is closed
}

// findBinary takes the binary that is named, or builds one.
func findBinary(o options, dir string) (string, error) {
	if o.binary != "" {
		return filepath.Abs(o.binary)
	}
	binary := filepath.Join(dir, "apim-edge")
	argv := []string{"build", "-o", binary}
	if o.race {
		argv = append(argv, "-race")
	}
	argv = append(argv, "github.com/apim-edge/apim-edge/cmd/apim-edge")
	if out, err := exec.Command("go", argv...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build apim-edge (run it inside the source tree, or name a --binary): %w\n%s", err, out)
	}
	return binary, nil
}

// startEdge runs the binary and waits until it listens.
func startEdge(binary, config string, log *accessLog) (*edge, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e := &edge{
		cmd: exec.Command(binary, "serve", "--config", config), log: log, exited: make(chan struct{}),
		scraper: http.Client{Timeout: 10 * time.Second},
	}
	e.cmd.Stdout, e.cmd.Stderr = writer, writer
	e.cmd.Env = append(os.Environ(), "GOTRACEBACK=all", "GORACE=atexit_sleep_ms=0")
	// Its own process group: Ctrl-C ends the load, not the edge. It dies with the soak.
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	_ = writer.Close()
	go func() {
		log.read(reader)
		e.err = e.cmd.Wait()
		close(e.exited)
	}()
	for _, listener := range []struct {
		name    string
		address *string
	}{{"clients", &e.clients}, {"admin", &e.admin}} {
		select {
		case *listener.address = <-log.listening[listener.name]:
		case <-e.exited:
			return nil, fmt.Errorf("apim-edge does not start: %w\n%s", e.err, log.last())
		case <-time.After(patience):
			e.kill()
			return nil, fmt.Errorf("apim-edge does not listen for %s\n%s", listener.name, log.last())
		}
	}
	return e, nil
}

// reload tells the edge to read its configuration again.
func (e *edge) reload() error { return e.cmd.Process.Signal(syscall.SIGHUP) }

// stop ends the edge as an operator would. It must go by itself, with exit code 0.
func (e *edge) stop(within time.Duration) error {
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
		return e.err
	case <-time.After(within):
		e.kill()
		return fmt.Errorf("it still ran %s after SIGTERM", within)
	}
}

func (e *edge) kill() {
	_ = e.cmd.Process.Kill()
	<-e.exited
}

func (e *edge) hasExited() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}
