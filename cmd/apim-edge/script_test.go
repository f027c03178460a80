package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"apim-edge": main, "ask": ask})
}

// TestScripts runs one story of a user per file, against the program itself.
// Scripts have these commands besides those of testscript:
//
//	exits CODE COMMAND ARG...     the command ends with this very exit code
//	ask METHOD URL [FIELD...]     sends a request and prints the answer (a program)
//	legacy [NAME=VALUE...]        starts a legacy look-alike with the key 0123abcd, at $LEGACY; see legacy_test.go
//	edge [NAME=VALUE...] ARG...   starts apim-edge serve ARG... on free ports, at $EDGE and $ADMIN; ends the one before
//	logged REGEXP                 waits until a line of that edge's log matches
//	signal HUP | TERM             sends it to that edge
//	ended CODE                    waits until that edge ends; its log is then in edge.log
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[serverKey{}] = &server{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"legacy": startLegacy,
			"edge":   startEdge,
			"logged": func(ts *testscript.TestScript, _ bool, args []string) { theServer(ts).await(ts, args[0]) },
			"signal": func(ts *testscript.TestScript, _ bool, args []string) { theServer(ts).signal(ts, args[0]) },
			"ended":  func(ts *testscript.TestScript, _ bool, args []string) { theServer(ts).wait(ts, args[0]) },
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func startEdge(ts *testscript.TestScript, _ bool, args []string) {
	s := theServer(ts)
	s.environ = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	for len(args) > 0 && strings.Contains(args[0], "=") {
		s.environ, args = append(s.environ, args[0]), args[1:]
	}
	s.start(ts, slices.Concat([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args))
	ts.Setenv("ADMIN", s.address(ts, "admin"))
	ts.Setenv("EDGE", s.address(ts, "clients"))
}

// ask is a program: ask METHOD URL [FIELD...] prints the answer's status, its
// fields in alphabetical order, and its body.
func ask() {
	req, err := http.NewRequest(os.Args[1], os.Args[2], nil)
	if err != nil {
		fail(err)
	}
	for _, field := range os.Args[3:] {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	resp, err := (&http.Transport{DisableCompression: true}).RoundTrip(req)
	if err != nil {
		fail(err)
	}
	fmt.Println(resp.Status)
	if err := resp.Header.Write(os.Stdout); err != nil {
		fail(err)
	}
	fmt.Println()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "ask:", err)
	os.Exit(1)
}

// program returns the path of the binary under test, which testscript has put
// on the script's PATH.
func program(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, "apim-edge")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	ts.Fatalf("apim-edge is not on the PATH")
	return ""
}
