//go:build e2e

package faults

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testcert"
)

// upstream is the child process that plays the upstream, one life after the
// other, with what all of them have told.
type upstream struct {
	t       *testing.T
	address string
	id      *testcert.Certificate // nil: plain
	life    *life

	mu      sync.Mutex
	arrived map[string][]string // credentials, by nonce
	open    map[string]*life    // exchanges that have not ended
	faults  []string
	most    struct{ exchanges, conns int } // at a time
}

// life is one process from its start to its end.
type life struct {
	cmd    *exec.Cmd
	moods  io.WriteCloser
	ready  chan struct{}
	exited chan struct{}
	killed bool
	conns  int
}

func startUpstream(t *testing.T, id *testcert.Certificate) *upstream {
	t.Helper()
	u := &upstream{t: t, address: reserve(t), id: id, arrived: map[string][]string{}, open: map[string]*life{}}
	u.start()
	t.Cleanup(func() { u.kill() })
	return u
}

func (u *upstream) url() string {
	if u.id != nil {
		return "https://" + u.address
	}
	return "http://" + u.address
}

// start begins a life and waits until it listens.
func (u *upstream) start() {
	u.t.Helper()
	l := &life{cmd: exec.Command(os.Args[0]), ready: make(chan struct{}), exited: make(chan struct{})}
	l.cmd.Env = append(os.Environ(), upstreamRole+"="+u.address)
	if u.id != nil {
		l.cmd.Env = append(l.cmd.Env, upstreamCert+"="+u.id.CertFile, upstreamKey+"="+u.id.KeyFile)
	}
	l.cmd.Stderr = os.Stderr
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		l.moods, err = l.cmd.StdinPipe()
	}
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		u.t.Fatal(err)
	}
	u.life = l
	go u.listen(l, out)
	select {
	case <-l.ready:
	case <-l.exited:
		u.t.Fatal("the upstream has not come up")
	}
}

// listen writes down what the upstream tells.
func (u *upstream) listen(l *life, out io.Reader) {
	in := bufio.NewScanner(bufio.NewReaderSize(out, 1<<20))
	for in.Scan() {
		what, rest, _ := strings.Cut(in.Text(), " ")
		nonce, more, _ := strings.Cut(rest, " ")
		u.note(l, what, nonce, more)
	}
	_ = l.cmd.Wait()
	close(l.exited)
}

func (u *upstream) note(l *life, what, nonce, more string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch what {
	case "ready":
		close(l.ready)
	case "open":
		l.conns++
		u.most.conns = max(u.most.conns, l.conns)
	case "closed":
		l.conns--
	case "arrived":
		u.arrived[nonce] = append(u.arrived[nonce], more)
		u.open[nonce] = l
		u.most.exchanges = max(u.most.exchanges, len(u.open))
	case "ended":
		delete(u.open, nonce)
		if _, fault, found := strings.Cut(more, ": "); found {
			u.faults = append(u.faults, nonce+": "+fault)
		}
	}
}

func (u *upstream) mood(mood string) { _, _ = io.WriteString(u.life.moods, mood+"\n") }

func (u *upstream) signal(s syscall.Signal) { _ = u.life.cmd.Process.Signal(s) }

// kill ends the life with SIGKILL. What was open then ends nowhere.
func (u *upstream) kill() {
	u.signal(syscall.SIGKILL)
	<-u.life.exited
	u.mu.Lock()
	u.life.killed = true
	u.mu.Unlock()
}

// has tells whether the nonce has arrived.
func (u *upstream) has(nonce string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.arrived[nonce]) > 0
}

// running returns the exchanges of the living that have not ended.
func (u *upstream) running() (nonces []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for nonce, l := range u.open {
		if !l.killed {
			nonces = append(nonces, nonce)
		}
	}
	return nonces
}

// conns returns how many connections are open.
func (u *upstream) conns() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.life.conns
}

// wantQuiet waits until everything has ended at the upstream: each departure has
// reached it.
func (u *upstream) wantQuiet() {
	u.t.Helper()
	if !eventually(u.t, "each exchange and connection to end at the upstream", func() bool {
		return len(u.running()) == 0 && u.conns() == 0
	}) {
		running := u.running()
		u.t.Errorf("%d exchanges still run at the upstream, such as %v, on %d connections",
			len(running), running[:min(len(running), 5)], u.conns())
	}
}
