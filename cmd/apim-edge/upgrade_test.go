//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// next returns another edge as this one is, not started yet.
func (p *process) next() *process {
	n := &process{t: p.t, dir: p.dir, edge: p.edge, admin: p.admin, client: p.client, end: make(chan error, 1)}
	n.Cmd = exec.Command(p.Args[0], p.Args[1:]...)
	n.Env = p.Env
	return n
}

// kept is a connection that a client keeps.
type kept struct {
	net.Conn
	in *bufio.Reader
}

func (p *process) keep() *kept {
	p.t.Helper()
	c := testkit.Dial(p.t, p.edge)
	return &kept{c, bufio.NewReader(c)}
}

// ask asks once and returns the answer, whose body has been read.
func (c *kept) ask() (*http.Response, error) {
	if _, err := io.WriteString(c, "GET /openai/v1/models HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer 0123abcd\r\n\r\n"); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

// TestOneEdgeRelievesAnother holds who is asked what while two serve: the younger one has
// every new connection and says that it is ready, the older one has those that it had,
// and another SIGTERM cuts none of them.
func TestOneEdgeRelievesAnother(t *testing.T) {
	old := newProcess(t, "--log-format", "json", "--takeover", filepath.Join(t.TempDir(), "edge"))
	old.Env = append(old.Env, "APIM_EDGE__TIMEOUTS__DRAIN_DELAY=1h")
	log := old.logged()
	old.serve()
	c := old.keep()
	if resp, err := c.ask(); err != nil || resp.StatusCode != 200 || resp.Close {
		t.Fatalf("before, the edge answers with %v, %v", resp, err)
	}
	young := old.next()
	now := young.logged()
	young.run()
	young.eventually("one has taken over", func() bool {
		return now.Has(fmt.Sprintf(`"relieved":%d,`, old.Process.Pid)) && now.Has(`"message":"has taken over"`)
	})
	old.eventually("the other one drains", func() bool { return log.Has(`"message":"draining"`) })
	old.signal(syscall.SIGTERM) // a supervisor, which wants the same
	for range 20 {
		young.ready() // who asks for readiness is told of the younger one, each time
	}
	if n := strings.Count(log.String(), `"message":"exchange"`); n != 2 { // of ready, and of c
		t.Errorf("the older one has had %d exchanges, and should have got no new connection:\n%s", n, log)
	}
	if resp, err := c.ask(); err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("the connection of before is answered with %v, %v; want 200, and that it is the last", resp, err)
	}
	old.signal(syscall.SIGINT) // a person
	<-old.end
	if old.end = nil; old.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("by a person's word it ends with %v", old.ProcessState)
	}
	young.answers()
}

// TestSystemdIsTold holds what a unit with Type=notify waits for.
func TestSystemdIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	testkit.Must(t, err)
	defer told.Close() //nolint:errcheck // a test's end
	p := newProcess(t)
	p.Env = append(p.Env, "NOTIFY_SOCKET="+path)
	p.run()
	says := func(want string) {
		t.Helper()
		text := make([]byte, 100)
		if n, err := told.Read(text); err != nil || string(text[:n]) != want {
			t.Fatalf("systemd is told %q, %v; want %s", text[:n], err, want)
		}
	}
	says("READY=1")
	p.answers()
	p.signal(syscall.SIGTERM)
	says("STOPPING=1")
	p.ends(0)
}

// TestSystemdHandsASocketOver holds that a client which had called before the edge was
// started is served.
func TestSystemdHandsASocketOver(t *testing.T) {
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not there")
	}
	p := newProcess(t, "--log-format", "json")
	program, err := exec.LookPath(p.Args[0])
	testkit.Must(t, err)
	log := &proxytest.Log{}
	p.Cmd = exec.Command(activate, append([]string{"--listen=" + p.edge, "--fdname=clients", program}, p.Args[1:]...)...)
	p.Stderr = log
	p.run()
	p.eventually("it listens for the edge", func() bool { return log.Has("Listening on") })
	c := p.keep() // which has it started
	if resp, err := c.ask(); err != nil || resp.StatusCode != 200 {
		t.Errorf("the first client is answered with %v, %v", resp, err)
	}
	_ = c.Close()
	p.ready()
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// TestASocketThatFitsNothingIsSaid holds that an edge does not serve beside it.
func TestASocketThatFitsNothingIsSaid(t *testing.T) {
	l := testkit.Listen(t)
	f, err := l.(*net.TCPListener).File()
	testkit.Must(t, err)
	defer f.Close() //nolint:errcheck // a test's end
	p := newProcess(t)
	log := p.logged()
	p.Cmd.Args = append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, p.Path}, p.Args[1:]...)
	p.Path, p.ExtraFiles = "/bin/sh", append(p.ExtraFiles, f)
	p.Env = append(p.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=clients")
	p.run()
	p.ends(1)
	if want := "make ListenStream= and the configuration agree"; !log.Has(want) {
		t.Errorf("it does not say %q: %s", want, log)
	}
}
