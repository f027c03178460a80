//go:build engine

package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const patience = 2 * time.Minute

// engine is a Docker engine in a network of its own. .ci/compose-check starts it, with
// images under the names of compose.yaml, and tells by DOCKER and SOURCE where it is.
type engine struct {
	t       *testing.T
	apimURL string
}

func (e *engine) docker(args ...string) string {
	e.t.Helper()
	cmd := exec.Command(os.Getenv("DOCKER"), args...)
	cmd.Env = append(os.Environ(), "APIM_URL="+e.apimURL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (e *engine) compose(args ...string) string {
	e.t.Helper()
	return e.docker(append([]string{"compose", "--file", "/source/deploy/compose.yaml"}, args...)...)
}

// ask makes an exchange on a connection of its own.
func ask(key string) (status int, err error) {
	request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:8080/openai/v1/models", nil)
	if err != nil {
		return 0, err
	}
	request.Close = true
	request.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// prometheus asks it something, and returns the answer's data.
func prometheus(path string) node {
	answer, err := http.Get("http://127.0.0.1:9091" + path)
	if err != nil {
		return node{}
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	var tree any
	_ = json.NewDecoder(answer.Body).Decode(&tree) // what is no answer has no data
	return node{tree}.at("data")
}

// TestComposeAsAWhole runs compose.yaml, save Grafana, and does what its page says.
func TestComposeAsAWhole(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	e := &engine{t: t}
	apim := lookalike.New(lookalike.Options{PrimaryKey: key})
	here := e.docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
	var err error
	if e.apimURL, err = apim.Start(here + ":0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { apim.Close() })
	e.compose("up", "--detach", "--no-build", "--pull", "never", "edge", "balancer", "prometheus")
	t.Cleanup(func() { e.compose("down", "--volumes", "--timeout", "5") })

	edges := strings.Fields(e.compose("ps", "--quiet", "edge"))
	if len(edges) != 2 {
		t.Fatalf("edges %q, want two", edges)
	}
	testkit.Await(t, "an answer through the balancer", func() bool { status, err := ask(key); return err == nil && status == http.StatusOK })
	if status, err := ask("of nobody"); status != http.StatusBadRequest && status != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d, %v", status, err)
	}
	for _, id := range edges {
		testkit.Await(t, "an exchange on each edge", func() bool {
			_, _ = ask(key) // what counts is the log
			return strings.Contains(e.docker("logs", id), `"message":"exchange"`)
		})
	}
	e.isWatched()
	e.reloads(edges)
	e.drains(edges[0], key)
}

// isWatched: Prometheus finds both edges, has the alerts, and none of them fires.
func (e *engine) isWatched() {
	e.t.Helper()
	testkit.Await(e.t, "both edges in Prometheus", func() bool {
		return len(prometheus("/api/v1/query?query="+url.QueryEscape(`apim_edge_ready{job="apim-edge"} == 1`)).at("result").list()) == 2
	})
	rules := 0
	for _, group := range prometheus("/api/v1/rules?type=alert").at("groups").list() {
		for _, rule := range group.at("rules").list() {
			rules++
			if health := rule.at("health").text(); rule.at("state").text() == "firing" || health == "err" {
				e.t.Errorf("the alert %s is %s, %s", rule.at("name").text(), rule.at("state").text(), health)
			}
		}
	}
	if wanted := strings.Count(testkit.Read(e.t, "../configs/monitoring/alerts.yaml"), "- alert:"); rules != wanted || wanted == 0 {
		e.t.Errorf("Prometheus has %d alerts, the file %d", rules, wanted)
	}
}

// reloads: both edges take over a change of the mounted file.
func (e *engine) reloads(edges []string) {
	e.t.Helper()
	file := filepath.Join(os.Getenv("SOURCE"), "deploy/compose/edge/config.yaml")
	testkit.Must(e.t, os.WriteFile(file, []byte(strings.Replace(testkit.Read(e.t, file), "drain: 120s", "drain: 100s", 1)), 0o644))
	for _, id := range edges {
		testkit.Await(e.t, "a reload", func() bool { return strings.Contains(e.docker("logs", id), `"message":"reloaded"`) })
	}
}

// drains: while one edge is stopped, and afterwards, each exchange is answered.
func (e *engine) drains(id, key string) {
	e.t.Helper()
	stopped := make(chan error, 1)
	go func() {
		out, err := exec.Command(os.Getenv("DOCKER"), "stop", id).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		stopped <- err
	}()
	for asked, after := 0, 20; after > 0; asked++ {
		select {
		case err := <-stopped:
			testkit.Must(e.t, err)
			stopped = nil
		default:
		}
		if stopped == nil {
			after--
		}
		if status, err := ask(key); err != nil || status != http.StatusOK {
			e.t.Fatalf("exchange %d while an edge is stopped: %d, %v", asked, status, err)
		}
	}
	if code := e.docker("inspect", "--format", "{{.State.ExitCode}}", id); code != "0" {
		e.t.Errorf("the edge that was stopped ended with %s", code)
	}
}
