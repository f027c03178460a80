//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// caseLine is what a script prints for one case.
type caseLine struct {
	Case   string `json:"case"`
	OK     bool   `json:"ok"`
	Status int    `json:"status"` // of the error that the SDK raised
	Detail string `json:"detail"`
}

// runCases runs a script through the shared edge, and then the cases that say
// what happens without it. command is the script with its interpreter.
func runCases(t *testing.T, cases []sdkCase, command ...string) {
	t.Helper()
	t.Run("through the edge", func(t *testing.T) {
		shared.reset()
		lines := runScript(t, shared.URL(), shared.URL()+"/token", command...)
		expectExactly(t, cases, lines)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.judge(t, shared, lines[c.name]) })
		}
		checkLog(t, shared.Edge)
	})
	t.Run("without it", func(t *testing.T) { runDirect(t, cases, command) })
}

// runDirect points the script at the look-alikes themselves.
func runDirect(t *testing.T, cases []sdkCase, command []string) {
	t.Helper()
	cases = slices.DeleteFunc(slices.Clone(cases), func(c sdkCase) bool { return c.direct == 0 })
	for _, c := range cases {
		command = append(slices.Clip(command), c.name)
	}
	lines := runScript(t, shared.Key.URL, shared.Token.URL, command...)
	expectExactly(t, cases, lines)
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s is a %d", c.name, c.direct), func(t *testing.T) {
			line := lines[c.name]
			if c.direct == 200 && !line.OK {
				t.Errorf("status %d: %s", line.Status, line.Detail)
			}
			if c.direct != 200 && (line.OK || line.Status != c.direct) {
				t.Errorf("got ok=%v, status %d, %s; want status %d", line.OK, line.Status, line.Detail, c.direct)
			}
		})
	}
}

// runScript returns the line of each case. The script sees no credential of
// the machine: SDKs read many from the environment.
func runScript(t *testing.T, keyBase, tokenBase string, command ...string) map[string]caseLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "NO_PROXY=*",
		"PYTHONDONTWRITEBYTECODE=1",
		"E2E_KEY_BASE=" + keyBase, "E2E_TOKEN_BASE=" + tokenBase,
		"E2E_KEY=" + subscriptionKey, "E2E_TOKEN=" + token, "E2E_OTHER_KEY=" + otherKey,
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", strings.Join(command, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	lines := map[string]caseLine{}
	for raw := range bytes.Lines(stdout.Bytes()) {
		var line caseLine
		if err := json.Unmarshal(raw, &line); err != nil {
			t.Fatalf("%s printed %q: %v", command, raw, err)
		}
		lines[line.Case] = line
	}
	return lines
}

// expectExactly fails where a script ran other cases than the table has.
func expectExactly(t *testing.T, cases []sdkCase, lines map[string]caseLine) {
	t.Helper()
	if len(cases) == 0 {
		t.Fatal("the table has no case")
	}
	var want []string
	for _, c := range cases {
		want = append(want, c.name)
	}
	slices.Sort(want)
	got := slices.Sorted(maps.Keys(lines))
	if !slices.Equal(got, want) {
		t.Errorf("cases run:  %q\ncases wanted: %q", got, want)
	}
}

// cache is where ./install puts what it installs.
func cache(t *testing.T, parts ...string) string {
	t.Helper()
	return installed(t, cached(parts...))
}

// cached returns where a part would be.
func cached(parts ...string) string {
	return filepath.Join(append([]string{cmp.Or(os.Getenv("E2E_CACHE"), ".cache")}, parts...)...)
}

// installed fails the test where a part is missing. Nothing is skipped: a
// suite that skips proves nothing.
func installed(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(absolute)
	}
	if err != nil {
		t.Fatalf("%v; run e2e/install first", err)
	}
	return absolute
}
