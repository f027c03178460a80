//go:build e2e

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
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
	cmd := exec.Command(edge.Built, "export", route, "--to", to, "--config", testkit.File(t, "edge.yaml", config), "--json")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var doc document
	if wrong := json.Unmarshal(out, &doc); wrong != nil {
		t.Fatalf("apim-edge export --to %s: %v, %v\n%s%s", to, err, wrong, out, errs.String())
	}
	return &doc
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
	testkit.Serve(t, "127.0.0.1:"+port, exec.Command(words[0], words[1:]...))
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
		testkit.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		testkit.Write(t, path, content)
	}
	words := []string{edge.Find(t, "nginx"), "-p", dir, "-c", dir + "/nginx.conf"}
	checked(t, "test is successful", append(slices.Clone(words), "-t")...)
	return words
}

// startHAProxy runs a document in HAProxy and returns its address.
func startHAProxy(t *testing.T, doc *document, port string, environ []string) string {
	t.Helper()
	program, file := checkedHAProxy(t, doc.Document)
	cmd := exec.Command(program, "-db", "-f", file)
	cmd.Env = append(os.Environ(), environ...)
	testkit.Serve(t, "127.0.0.1:"+port, cmd)
	return "127.0.0.1:" + port
}

// checkedHAProxy writes a document into a file and has HAProxy check it.
func checkedHAProxy(t *testing.T, text string) (program, file string) {
	t.Helper()
	program, file = edge.Find(t, "haproxy"), testkit.File(t, "route.cfg", text)
	checked(t, "Configuration file is valid", program, "-c", "-dW", "-f", file)
	return program, file
}
