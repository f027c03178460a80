//go:build e2e

package wire

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestNothingOfTheProcessShowsASecret holds that neither its title nor the dump
// with which it ends at SIGQUIT shows the credential of an exchange under way. (A
// core file holds the memory of the process, whole; SECURITY.md says so.)
func TestNothingOfTheProcessShowsASecret(t *testing.T) {
	const secret = "k3y-alice" // get sends it
	arrived := atomic.Bool{}
	up := listenRaw(t, nil, func(conn net.Conn, request *Message) bool {
		arrived.Store(strings.Contains(fmt.Sprint(request), secret))
		_, _ = conn.Write(append([]byte(streamHead), raw.Chunk(events("a", 0, 3))...))
		_, _ = conn.Read(make([]byte, 1)) // until the edge has gone
		return false
	})
	under := edge.Run(t, simpleConfig("http://"+up.Address))
	defer under.Kill() // it does not go in order
	asked := false
	_, _, err := fetch(under.Address(), get("/a?subscription-key="+secret), func(all []byte) {
		if asked || strings.Count(string(all), "\n\n") < 3 {
			return
		}
		asked = true
		for name, text := range title(t, under.Pid()) {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows the secret: %q", name, text)
			}
		}
		if err := under.Signal(syscall.SIGQUIT); err != nil {
			t.Error(err)
		}
	})
	testkit.Must(t, err)
	<-under.Exited()
	if !asked || !arrived.Load() {
		t.Fatalf("looked at: %t; the secret arrived: %t: this test has not seen what it is about", asked, arrived.Load())
	}
	log := under.Log()
	if !strings.Contains(log, "SIGQUIT") || !strings.Contains(log, "goroutine ") {
		t.Errorf("there is no dump:\n%.400s", log)
	}
	if strings.Contains(log, secret) {
		t.Errorf("the log or the dump shows the secret")
	}
}

// title returns what the system shows of a process to everybody.
func title(t *testing.T, pid int) map[string]string {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", pid))
	if err != nil || len(names) == 0 {
		t.Fatal("no threads", err)
	}
	shown := map[string]string{}
	for _, name := range append(names, fmt.Sprintf("/proc/%d/cmdline", pid), fmt.Sprintf("/proc/%d/stat", pid)) {
		text := testkit.Read(t, name)
		shown[name] = text
	}
	return shown
}
