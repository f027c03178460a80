//go:build e2e

package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// edge is a running apim-edge with its log.
type edge struct {
	t              *testing.T
	clients, admin string // addresses
	file           string // its configuration
	cmd            *exec.Cmd
	exited         chan struct{}

	mu    sync.Mutex
	lines []logLine
	other strings.Builder // what is no JSON, such as a panic
	err   error           // how it ended
}

// logLine is one line of the log, as far as these tests look into it.
type logLine struct {
	Level, Message, Listener, Address string
	RequestID                         string `json:"request_id"`
	Method, Path, Reason, Cause       string
	Status                            int
	Bytes, Events, Aborted            int64
	Error                             string
}

// common is what each configuration of these tests has.
const common = `log: {format: json}
admin: {address: "127.0.0.1:0", pprof: true}
`

// start runs the edge with text as its configuration until the end of the test.
func start(t *testing.T, text string) *edge {
	t.Helper()
	e := &edge{t: t, file: filepath.Join(t.TempDir(), "config.yaml")}
	e.write(text)
	e.run()
	t.Cleanup(e.kill)
	return e
}

// write replaces the configuration in one step, as editors and ConfigMaps do.
func (e *edge) write(text string) {
	e.t.Helper()
	if !strings.Contains(text, "listen:") {
		text += "listen: {address: \"127.0.0.1:0\"}\n"
	}
	next := e.file + ".next"
	if err := os.WriteFile(next, []byte(common+text), 0o600); err != nil {
		e.t.Error(err)
	}
	if err := os.Rename(next, e.file); err != nil {
		e.t.Error(err)
	}
}

// run starts the process, with the shell's commands in front, and waits until it
// listens.
func (e *edge) run(shell ...string) {
	e.t.Helper()
	script := strings.Join(append(shell, `exec "$0" serve --config "$1"`), "; ")
	e.cmd = exec.Command("/bin/sh", "-c", script, binaryUnderTest, e.file)
	reader, writer, err := os.Pipe()
	if err != nil {
		e.t.Fatal(err)
	}
	e.cmd.Stdout, e.cmd.Stderr = writer, writer
	// A binary with the race detector would sleep for a second at its end.
	e.cmd.Env = append(os.Environ(), "GOTRACEBACK=all", "GORACE=atexit_sleep_ms=0")
	e.clients, e.admin, e.exited = "", "", make(chan struct{})
	e.other.Reset() // a SIGKILL leaves half a line
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	_ = writer.Close()
	go e.collect(reader, e.exited)
	eventually(e.t, "the edge to listen", func() bool {
		select {
		case <-e.exited:
			return true
		default:
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.clients != ""
	})
	if e.clients == "" {
		e.t.Fatalf("the edge has not come up: %s", e.text())
	}
}

// collect keeps the log; at its end the edge has gone.
func (e *edge) collect(r io.ReadCloser, exited chan struct{}) {
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		text, err := in.ReadBytes('\n')
		if len(text) > 0 {
			e.note(text)
		}
		if err != nil {
			break
		}
	}
	_ = r.Close()
	err := e.cmd.Wait()
	e.mu.Lock()
	e.err = err
	e.mu.Unlock()
	close(exited)
}

func (e *edge) note(text []byte) {
	var l logLine
	bad := json.Unmarshal(text, &l) != nil
	e.mu.Lock()
	defer e.mu.Unlock()
	if bad {
		e.other.Write(text)
		return
	}
	e.lines = append(e.lines, l)
	if l.Message != "listening" {
		return
	}
	// The admin listener speaks first: who sees both addresses sees clients last.
	if l.Listener == "admin" {
		e.admin = l.Address
	} else {
		e.clients = l.Address
	}
}

// log returns the lines with the message; none: all.
func (e *edge) log(message string) (found []logLine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.lines {
		if message == "" || strings.Contains(l.Message, message) {
			found = append(found, l)
		}
	}
	return found
}

// count is len(log(message)).
func (e *edge) count(message string) int { return len(e.log(message)) }

// text returns the end of the log that is of use when something is wrong.
func (e *edge) text() string {
	var b strings.Builder
	for _, l := range e.log("") {
		if l.Message != "exchange" {
			fmt.Fprintf(&b, "%+v\n", l)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	all := b.String() + e.other.String()
	return all[max(0, len(all)-6000):]
}

func (e *edge) signal(s syscall.Signal) {
	e.t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		e.t.Errorf("signal %v: %v", s, err)
	}
}

func (e *edge) kill() {
	_ = e.cmd.Process.Kill()
	<-e.exited
}

// drained ends the edge as an operator would: it must go by itself, with exit
// code 0, and have said nothing but log lines: no panic, no race.
func (e *edge) drained() {
	e.t.Helper()
	e.signal(syscall.SIGTERM)
	e.gone()
}

// gone waits for the end of an edge that drains.
func (e *edge) gone() {
	e.t.Helper()
	select {
	case <-e.exited:
	case <-time.After(patience):
		e.t.Errorf("the edge still runs %s after SIGTERM: %s", patience, e.text())
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil || e.other.Len() > 0 {
		e.t.Errorf("the edge ended with %v and these words: %s", e.err, e.other.String())
	}
}

// get asks the admin listener, on a connection of its own.
func (e *edge) get(path string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get("http://" + e.admin + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("GET %s: %s %s", path, resp.Status, text)
	}
	return string(text), err
}

// metrics are the values of one scrape, by series as it is written.
type metrics map[string]float64

func (e *edge) scrape() metrics {
	text, err := e.get("/metrics")
	if err != nil {
		e.t.Error(err)
	}
	m := metrics{}
	for _, line := range strings.Split(text, "\n") {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		m[line[:at]], _ = strconv.ParseFloat(line[at+1:], 64)
	}
	return m
}

// sum adds the series of a metric that have all the labels, as `name="value"`.
func (m metrics) sum(name string, labels ...string) (sum int) {
	for series, v := range m {
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		fits := true
		for _, l := range labels {
			fits = fits && strings.Contains(series, l)
		}
		if fits {
			sum += int(v)
		}
	}
	return sum
}

// files returns how many descriptors the edge has open.
func (e *edge) files() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.cmd.Process.Pid))
	if err != nil {
		e.t.Error(err)
	}
	return len(entries)
}

// memory returns a value of the edge's status in bytes: VmRSS, or VmHWM for the
// most that it ever was.
func (e *edge) memory(name string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.cmd.Process.Pid))
	if err != nil {
		e.t.Error(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			kilobytes, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
			return kilobytes << 10
		}
	}
	e.t.Errorf("no %s in the status of the edge", name)
	return 0
}

// heap returns the bytes that are in use behind two collections: pools give away
// at the second one.
func (e *edge) heap() int {
	for range 2 {
		if _, err := e.get("/debug/pprof/heap?gc=1"); err != nil {
			e.t.Error(err)
		}
	}
	return e.scrape().sum("go_memstats_heap_alloc_bytes")
}

// quiet is what an edge holds that has nothing to do.
type quiet struct{ goroutines, files, heap int }

func (e *edge) quiet() quiet {
	q := quiet{heap: e.heap()}
	q.goroutines = e.scrape().sum("go_goroutines")
	q.files = e.files()
	return q
}

// wantQuiet waits until the edge holds no more than at its start: no connection,
// exchange, stream, goroutine or descriptor, and no heap to speak of.
func (e *edge) wantQuiet(before quiet) {
	e.t.Helper()
	var m metrics
	var files int
	gone := []string{
		"apim_edge_client_connections", "apim_edge_exchanges_inflight", "apim_edge_streams_open", "apim_edge_upstream_connections",
	}
	ok := eventually(e.t, "the edge to let go of everything", func() bool {
		files, m = e.files(), e.scrape()
		for _, name := range gone {
			if m.sum(name) != 0 {
				return false
			}
		}
		return files <= before.files && m.sum("go_goroutines") <= before.goroutines
	})
	if !ok {
		for _, name := range append(gone, "go_goroutines") {
			e.t.Errorf("%s is %d", name, m.sum(name))
		}
		stacks, _ := e.get("/debug/pprof/goroutine?debug=1")
		e.t.Errorf("%d descriptors and %d goroutines at the start, %d descriptors now; goroutines: %s",
			before.files, before.goroutines, files, stacks[:min(len(stacks), 6000)])
	}
	// Each loop keeps up to 64 free buffers of 16 KiB, and 128 exchanges.
	if heap := e.heap(); heap > before.heap+8<<20 {
		e.t.Errorf("the heap holds %d KiB more than at the start", (heap-before.heap)>>10)
	}
}
