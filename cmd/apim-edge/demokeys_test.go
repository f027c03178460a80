//go:build linux

package main

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// atATerminal starts the demo in a terminal of its own, as a person does. What it shows is
// in the log; settings are those of the terminal before.
func atATerminal(t *testing.T, args ...string) (p *process, master *os.File, shown *proxytest.Log, settings func() unix.Termios) {
	t.Helper()
	p = newProcess(t)
	p.Cmd = exec.Command("apim-edge", append([]string{"demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--page", "127.0.0.1:0", "--upstream", "127.0.0.1:0"}, args...)...)
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=xterm"}
	master, slave := openTerminal(t)
	p.Stdin, p.Stdout, p.Stderr = slave, slave, slave
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	shown = &proxytest.Log{}
	go io.Copy(shown, master) //nolint:errcheck // until it is closed
	return p, master, shown, func() unix.Termios {
		t.Helper()
		now, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		testkit.Must(t, err)
		return *now
	}
}

func press(t *testing.T, master *os.File, keys string) {
	t.Helper()
	if _, err := master.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// TestKeysOfTheDemo holds that a key does what it says, and that the terminal is as it was
// whichever way the demo ends.
func TestKeysOfTheDemo(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*process, *os.File)
	}{
		{"q", func(p *process, master *os.File) { press(p.t, master, "q") }},
		{"Ctrl-C", func(p *process, master *os.File) { press(p.t, master, "\x03") }},
		{"SIGTERM", func(p *process, _ *os.File) { p.signal(syscall.SIGTERM) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, master, shown, settings := atATerminal(t)
			before := settings()
			p.run()
			p.eventually("it serves", func() bool { return shown.Has("Serving until Ctrl-C") })
			if settings() == before {
				t.Error("the terminal hands on lines, and not keys")
			}
			press(t, master, "4")
			p.eventually("both answers", func() bool {
				return shown.Has("Straight to API Management") && strings.Count(shown.String(), "401 Unauthorized") == 2
			})
			tc.end(p, master)
			p.ends(0)
			if got := settings(); got != before {
				t.Errorf("the terminal is left as %+v, and was %+v", got, before)
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(shown.String(), "\n"), "\n") {
				if !strings.HasSuffix(line, "\r") && line != "" {
					t.Fatalf("a line does not begin at the left: after %q", line)
				}
			}
			if !shown.Has("\x1b[32m200 OK\x1b[0m") {
				t.Error("there are no colours")
			}
		})
	}
}

// TestTheTourAtATerminal holds that it waits, and that NO_COLOR means no escapes at all.
func TestTheTourAtATerminal(t *testing.T) {
	p, master, shown, _ := atATerminal(t, "--tour")
	p.Env = append(p.Env, "NO_COLOR=1")
	p.run()
	for step := 1; step < 8; step++ {
		p.eventually("a step", func() bool {
			return strings.Count(shown.String(), "Any key goes on") == step && shown.Has(strconv.Itoa(step)+" of 8.")
		})
		press(t, master, " ")
	}
	p.eventually("it serves after the tour", func() bool { return shown.Has("8 of 8.") && shown.Has("Serving until Ctrl-C") })
	press(t, master, "\x03")
	p.ends(0)
	if shown.Has("\x1b") || shown.Has("NOT AS PROMISED") {
		t.Errorf("got\n%s\nwant no colours, and all as promised", shown)
	}
}

// TestTheDemoInTheBackground holds that a job is not stopped, since it asks its terminal
// for nothing.
func TestTheDemoInTheBackground(t *testing.T) {
	p, master, shown, settings := atATerminal(t)
	before := settings()
	p.through(`set -m; "$0" "$@" & job=$!; read line; kill $job; wait $job`)
	p.run()
	p.eventually("it serves", func() bool { return shown.Has("Serving until Ctrl-C") })
	if got := settings(); got != before {
		t.Errorf("the terminal of the shell is %+v, and was %+v", got, before)
	}
	if shown.Has("Keys to press") {
		t.Error("it asks for keys that the shell gets")
	}
	press(t, master, "\n")
	p.ends(0)
}
