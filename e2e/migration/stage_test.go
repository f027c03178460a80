//go:build e2e

package migration

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/lookalike"
)

// api is an API whose owner can change it.
type api struct {
	url  string
	acts atomic.Pointer[lookalike.Server]
}

func startAPI(t *testing.T, opt lookalike.Options) *api {
	t.Helper()
	a := &api{}
	a.becomes(opt)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.acts.Load().ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *api) becomes(opt lookalike.Options) { a.acts.Store(lookalike.New(opt)) }

// stage is what the story plays on: three APIs, their callers, and the one who runs the edge.
type stage struct {
	*testing.T
	dir     string
	apis    map[string]*api // by the routes that lead to them
	callers map[string]*caller
	edge    *edge.Edge
	day     int
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// run runs apim-edge in the stage's folder and wants an exit code.
func (s *stage) run(code int, args ...string) (stdout string) {
	s.Helper()
	cmd := exec.Command(edge.Built, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.Fatalf("day %d: apim-edge %q: exit code %d, want %d\n%s%s", s.day, args, got, code, out.String(), errs.String())
	}
	return out.String()
}

// begin begins a day: the edge starts, and whoever has this day among its own calls.
func (s *stage) begin() {
	s.Helper()
	if s.day > 0 {
		setBack(s.T, s.path("census.jsonl"))
	}
	s.day++
	if err := s.edge.Start(); err != nil {
		s.Fatal(err)
	}
	for name, c := range s.callers {
		if c.away || s.day%c.every != 0 {
			continue
		}
		base := "http://" + s.edge.Address()
		if c.route != "openai" {
			base += "/" + c.route
		}
		if status, body := c.ask(s.T, base); status != http.StatusOK {
			s.Fatalf("day %d: %s gets %d through the edge: %s", s.day, name, status, body)
		}
		if c.needs {
			c.lastNeed = s.day
		}
	}
}

// end ends a day: the edge is stopped as one stops it, and its file is written.
func (s *stage) end() {
	s.Helper()
	if _, err := s.edge.Stop(); err != nil {
		s.Fatalf("day %d: %v; the end of its log:\n%s", s.day, err, s.edge.Words())
	}
}

// until lives day after day, up to the end of one.
func (s *stage) until(day int) {
	s.Helper()
	for s.day < day {
		s.begin()
		s.end()
	}
}

// report is what the story reads in apim-edge report --json.
type report struct {
	Verdict, Summary string
	Routes           []route
	Callers          []struct {
		Route   string
		Clients []string
		Needs   bool `json:"needs_edge"`
	}
}

type route struct {
	Route, Why string
	Changes    []struct{ Text string }
}

// report reads the report of what lies in the file.
func (s *stage) report(code int, args ...string) (r report) {
	s.Helper()
	out := s.run(code, slices.Concat([]string{"report", "census.jsonl", "--json"}, args)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	return r
}

// holdUp are those who need the edge, as the report names them.
func (r *report) holdUp() (all []string) {
	for _, c := range r.Callers {
		if c.Needs {
			all = append(all, c.Route+": "+c.Clients[0])
		}
	}
	slices.Sort(all)
	return all
}

// reallyHoldUp are those who came with a need in the days that are given, the current one
// included, as the story itself knows.
func (s *stage) reallyHoldUp(days int) (all []string) {
	for _, c := range s.callers {
		if c.lastNeed > 0 && s.day-c.lastNeed < days {
			all = append(all, c.route+": "+c.known)
		}
	}
	slices.Sort(all)
	return all
}

// write writes a file of the stage.
func (s *stage) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) read(name string) string {
	s.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}
