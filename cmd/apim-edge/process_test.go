//go:build linux

package main

import (
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// process is the program itself, serving, with standard descriptors of its own.
type process struct {
	*exec.Cmd
	t      *testing.T
	dir    string
	client http.Client
	// The listeners' addresses are known beforehand: the log cannot always tell.
	edge, admin string
	end         chan error
}

// newProcess returns an edge that is not started yet.
func newProcess(t *testing.T, flags ...string) *process {
	t.Helper()
	// A child inherits that a signal is ignored, and not that it is handled: who has
	// started the tests with nohup has not started the edge with it.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	legacy := lookalike.New(lookalike.Options{PrimaryKey: "0123abcd"})
	url, err := legacy.Start("127.0.0.1:0")
	testkit.Must(t, err)
	t.Cleanup(func() { _ = legacy.Close() })
	p := &process{t: t, dir: t.TempDir(), edge: testkit.Unused(t), admin: testkit.Unused(t), end: make(chan error, 1)}
	p.client.Transport = &http.Transport{DisableKeepAlives: true}
	p.write("edge.yaml", "upstreams: {legacy: {url: '"+url+"'}}\ntimeouts: {drain: 1s, drain_delay: 0}\n")
	args := append([]string{"serve", "--config", filepath.Join(p.dir, "edge.yaml"), "--listen", p.edge, "--admin", p.admin}, flags...)
	p.Cmd = exec.Command("apim-edge", args...)
	p.Env = []string{"PATH=" + os.Getenv("PATH")}
	return p
}

func (p *process) write(name, text string) {
	p.t.Helper()
	testkit.Write(p.t, filepath.Join(p.dir, name), text)
}

// run starts it; serve waits until it serves as well.
func (p *process) run() {
	p.t.Helper()
	testkit.Must(p.t, p.Start())
	go func() { p.end <- p.Wait() }()
	p.t.Cleanup(func() {
		_ = p.Process.Kill() // an error: it has ended already
		if p.end != nil {
			<-p.end
		}
	})
}

func (p *process) serve() {
	p.t.Helper()
	p.run()
	p.ready()
}

// ready waits until it serves.
func (p *process) ready() {
	p.t.Helper()
	p.eventually("it serves", func() bool {
		resp, err := p.client.Get("http://" + p.admin + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	p.answers()
}

// answers holds that the edge answers.
func (p *process) answers() {
	p.t.Helper()
	answer := testkit.Ask(p.t, &p.client, http.MethodGet, "http://"+p.edge+"/openai/v1/models", "", "Authorization", "Bearer 0123abcd")
	if answer.StatusCode != http.StatusOK {
		p.t.Fatalf("the edge answers %s", answer.Status)
	}
}

// metric returns the value of a metric as text. There must be one: a name that is misspelt
// is neither 0 nor anything else.
func (p *process) metric(name string) string {
	p.t.Helper()
	text := testkit.Ask(p.t, &p.client, http.MethodGet, "http://"+p.admin+"/metrics", "").Text
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (.*)$`).FindStringSubmatch(text)
	if found == nil {
		p.t.Fatalf("there is no metric %s in\n%s", name, text)
	}
	return found[1]
}

func (p *process) eventually(what string, ok func() bool) {
	p.t.Helper()
	testkit.Await(p.t, what, func() bool {
		select {
		case err := <-p.end:
			p.end = nil
			p.t.Fatalf("it has ended (%v) before: %s", err, what)
		default:
		}
		return ok()
	})
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	testkit.Must(p.t, p.Process.Signal(s))
}

// ends waits for the end and wants the exit code.
func (p *process) ends(want int) {
	p.t.Helper()
	testkit.Receive(p.t, p.end, "its end")
	p.end = nil
	if got := p.ProcessState.ExitCode(); got != want {
		p.t.Fatalf("it ended with %s, want exit code %d", p.ProcessState, want)
	}
}

// logged has the log collected.
func (p *process) logged() *proxytest.Log {
	log := &proxytest.Log{}
	p.Stderr = log
	return log
}

// openTerminal returns both ends of a pseudo terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	// Not through os.OpenFile: the poller would keep the last reference for a while.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	testkit.Must(t, err)
	name := filepath.Join("/dev/pts", strconv.Itoa(n))
	if slave, err = os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = master.Close(), slave.Close() })
	return master, slave
}
