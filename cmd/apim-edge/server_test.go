package main

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// server is the edge of a script, one at a time: another one ends it. Its log is what it says while
// it runs; waiting for a line in it is how scripts order events.
type server struct {
	environ []string
	cmd     *exec.Cmd
	done    chan struct{}

	mu      sync.Mutex
	log     []byte
	changed chan struct{} // closed and replaced whenever the log has grown
}

type serverKey struct{}

// noDelay has an edge not wait for a balancer that is not there.
const noDelay = "APIM_EDGE__TIMEOUTS__DRAIN_DELAY=0"

func theServer(ts *testscript.TestScript) *server {
	s, ok := ts.Value(serverKey{}).(*server)
	if !ok {
		ts.Fatalf("BUG: no server in this script")
	}
	return s
}

func (s *server) start(ts *testscript.TestScript, args []string) {
	s.end()
	s.cmd = exec.Command(program(ts), args...)
	s.cmd.Dir, s.cmd.Env = ts.MkAbs("."), append(s.environ, noDelay)
	stderr, err := s.cmd.StderrPipe()
	ts.Check(err)
	s.done, s.changed, s.log = make(chan struct{}), make(chan struct{}), nil
	ts.Check(s.cmd.Start())
	go s.read(stderr)
	ts.Defer(s.end)
}

// end kills the edge, if there is one.
func (s *server) end() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // an error: it has ended already
	<-s.done
	_ = s.cmd.Wait() // an error: it was killed, or waited for before
}

func (s *server) read(stderr io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := stderr.Read(buf)
		s.mu.Lock()
		s.log = append(s.log, buf[:n]...)
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			close(s.done)
			return
		}
	}
}

func (s *server) look() (log string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.log), s.changed
}

// await waits until a line of the log matches, and returns it.
func (s *server) await(ts *testscript.TestScript, pattern string) string {
	wanted := regexp.MustCompile(pattern)
	limit := time.After(30 * time.Second)
	for {
		log, changed := s.look()
		for line := range strings.Lines(log) {
			if strings.HasSuffix(line, "\n") && wanted.MatchString(line) {
				return line
			}
		}
		select {
		case <-changed:
		case <-s.done:
			ts.Fatalf("the edge has ended without saying %s:\n%s", pattern, log)
		case <-limit:
			ts.Fatalf("the edge does not say %s:\n%s", pattern, log)
		}
	}
}

var address = regexp.MustCompile(`\baddress"?[:=]"?([^" ]+)`)

// address returns where a listener listens, as the log says in either format.
func (s *server) address(ts *testscript.TestScript, listener string) string {
	line := s.await(ts, `\blistener"?[:=]"?`+listener)
	found := address.FindStringSubmatch(line)
	if found == nil {
		ts.Fatalf("no address in %s", line)
	}
	return found[1]
}

func (s *server) signal(ts *testscript.TestScript, name string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}
	ts.Check(s.cmd.Process.Signal(signals[name]))
}

// wait waits for the end, wants the exit code, and leaves the log in edge.log.
func (s *server) wait(ts *testscript.TestScript, want string) {
	<-s.done
	_ = s.cmd.Wait() // the exit code says it
	log, _ := s.look()
	ts.Check(os.WriteFile(ts.MkAbs("edge.log"), []byte(log), 0o600))
	if got := strconv.Itoa(s.cmd.ProcessState.ExitCode()); got != want {
		ts.Fatalf("the edge ended with exit code %s, want %s:\n%s", got, want, log)
	}
}
