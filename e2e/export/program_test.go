//go:build e2e

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// document is what apim-edge export --json prints.
type document struct {
	Document string
	Closed   string
	Keys     []struct{ Key, Verdict, Text string }
	Gaps     []struct{ ID, Text string }
	FillIn   []struct{ Key, Place, Text string } `json:"fill_in"`
}

// lists reports whether the document names a difference.
func (d *document) lists(id string) bool {
	for _, g := range d.Gaps {
		if g.ID == id {
			return true
		}
	}
	for _, k := range d.Keys {
		if k.Key == id && k.Verdict == "impossible" {
			return true
		}
	}
	return false
}

// exported runs apim-edge export for the route openai.
func exported(t *testing.T, config, to string) *document {
	t.Helper()
	return exportedRoute(t, config, "openai", to)
}

func exportedRoute(t *testing.T, config, route, to string) *document {
	t.Helper()
	file := filepath.Join(t.TempDir(), "edge.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(edge.Built, "export", route, "--to", to, "--config", file, "--json")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var doc document
	if wrong := json.Unmarshal(out, &doc); wrong != nil {
		t.Fatalf("apim-edge export --to %s: %v, %v\n%s%s", to, err, wrong, out, errs.String())
	}
	return &doc
}

// freePort returns a port of 127.0.0.1 that nobody listens on until the program does.
func freePort(t *testing.T) string {
	t.Helper()
	address, err := raw.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	return port
}

// find returns the path of a program that Debian has.
func find(t *testing.T, name string) string {
	t.Helper()
	path, err := edge.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// checked runs the program's own check of its file, which must have nothing to say.
func checked(t *testing.T, quiet string, words ...string) {
	t.Helper()
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	text := string(out)
	if err != nil || strings.Contains(text, "[warn]") || strings.Contains(text, "[WARNING]") || !strings.Contains(text, quiet) {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, text)
	}
}

// run starts a program and waits until it accepts connections. It ends with the test.
func run(t *testing.T, environ []string, port string, words ...string) {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &log, &log, append(os.Environ(), environ...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Signal(syscall.SIGTERM) // an error: it has gone
			<-gone
		}
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", words[0], log.String()[max(0, log.Len()-300):])
		}
	})
	deadline := time.Now().Add(patience)
	for {
		select {
		case err := <-gone:
			ended = true
			t.Fatalf("%s ended: %v\n%s", words[0], err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen on %s: %v", words[0], port, err)
		}
	}
}

// around is what an operator has around a file for the http context.
const around = `daemon off;
error_log stderr notice;
pid %[1]s/nginx.pid;
events { worker_connections 1024; }
http {
	access_log off;
	variables_hash_bucket_size 128;
	variables_hash_max_size 2048;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	include route.conf;
}
`

// startNginx runs a document in nginx and returns its address.
func startNginx(t *testing.T, doc *document, port string, secrets map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // workers are another user
		t.Fatal(err)
	}
	words := checkedNginx(t, dir, doc, secrets)
	run(t, nil, port, words...)
	return "127.0.0.1:" + port
}

// checkedNginx writes the files of a document into a folder, has nginx check them, and
// returns the command that runs it. The only thing that is changed in the document is
// where the log goes, which belongs to root.
func checkedNginx(t *testing.T, dir string, doc *document, secrets map[string]string) []string {
	t.Helper()
	text := strings.ReplaceAll(doc.Document, "/var/log/nginx/access.log", filepath.Join(dir, "access.log"))
	files := map[string]string{"nginx.conf": fmt.Sprintf(around, dir), "route.conf": text}
	maps.Copy(files, secrets)
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	words := []string{find(t, "nginx"), "-p", dir, "-c", dir + "/nginx.conf"}
	checked(t, "test is successful", append(slices.Clone(words), "-t")...)
	return words
}

// startHAProxy runs a document in HAProxy and returns its address.
func startHAProxy(t *testing.T, doc *document, port string, environ []string) string {
	t.Helper()
	program, file := checkedHAProxy(t, doc.Document)
	run(t, environ, port, program, "-db", "-f", file)
	return "127.0.0.1:" + port
}

// checkedHAProxy writes a document into a file and has HAProxy check it.
func checkedHAProxy(t *testing.T, text string) (program, file string) {
	t.Helper()
	program, file = find(t, "haproxy"), filepath.Join(t.TempDir(), "route.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	checked(t, "Configuration file is valid", program, "-c", "-dW", "-f", file)
	return program, file
}
