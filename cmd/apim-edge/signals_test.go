//go:build linux

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/signals"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestASIGHUPWhileItInitialisesIsAReload holds that the signals are taken before nearly
// everything else is initialised, in whatever way serving is asked for. Go tells of each
// package on standard error. That is a pipe here which is read no further than to the
// line of internal/signals: the edge stands still in the middle of its initialisation.
func TestASIGHUPWhileItInitialisesIsAReload(t *testing.T) {
	for _, command := range [][]string{{"serve"}, {"run"}, {"start"}, nil} {
		t.Run(strings.Join(command, ""), func(t *testing.T) {
			p := newProcess(t, "--log-format", "json")
			p.Args = slices.Concat([]string{"apim-edge"}, command, p.Args[2:])
			p.Env = append(p.Env, "GODEBUG=inittrace=1")
			read, write, err := os.Pipe()
			testkit.Must(t, err)
			defer read.Close() //nolint:errcheck // a test's end
			if _, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, 4<<10); err != nil {
				t.Fatal(err)
			}
			p.Stderr = write
			p.run()
			_ = write.Close() // the edge has it
			trace := bufio.NewReaderSize(read, 16)
			wantFewBefore(t, trace, "github.com/apim-edge/apim-edge/internal/signals")
			p.signal(syscall.SIGHUP)
			log := &proxytest.Log{}
			go io.Copy(log, trace) //nolint:errcheck // until the edge ends
			p.eventually("a reload", func() bool { return log.Has(`"trigger":"signal"`) })
			p.ready()
		})
	}
}

// wantFewBefore reads what Go tells of the initialisation up to a package, and wants
// little work before it. With Go 1.26 there are some 130 allocations; those of one package
// that reads files, compiles expressions or registers metrics are more than the rest.
func wantFewBefore(t *testing.T, trace *bufio.Reader, name string) {
	t.Helper()
	const most = 300
	told := regexp.MustCompile(`^init (\S+) .* (\d+) allocs\n$`)
	for allocs := 0; ; {
		line, err := trace.ReadString('\n')
		if err != nil {
			t.Fatalf("the edge has told of no package %s: %v", name, err)
		}
		found := told.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		if found[1] == name {
			return
		}
		n, err := strconv.Atoi(found[2])
		testkit.Must(t, err)
		if allocs += n; allocs > most || strings.HasPrefix(found[1], "github.com/apim-edge/") {
			t.Fatalf("before %s comes %s with %d allocations, %d with those before it; want %d at most, and none of the project",
				name, found[1], n, allocs, most)
		}
	}
}

// TestWhichCommandsServe holds that internal/signals, which must not import what knows
// the commands, tells them apart.
func TestWhichCommandsServe(t *testing.T) {
	root := newRootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range append(root.Commands(),
		&cobra.Command{Use: cobra.ShellCompRequestCmd}, &cobra.Command{Use: cobra.ShellCompNoDescRequestCmd}) {
		for _, name := range append(cmd.Aliases, cmd.Name()) {
			for _, args := range [][]string{{name}, {name, "--config", "edge.yaml"}, {"--config", "edge.yaml", name}} {
				if got, want := signals.Serves(args), cmd.Name() == "serve"; got != want {
					t.Errorf("Serves(%q) = %v, want %v", args, got, want)
				}
			}
		}
	}
	root.Version = "any" // or it has no flag for it
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	for _, name := range []string{"help", "version"} {
		f := root.Flags().Lookup(name)
		if signals.Serves([]string{"--" + f.Name}) || f.Shorthand != "" && signals.Serves([]string{"-" + f.Shorthand}) {
			t.Errorf("--%s or -%s serves", f.Name, f.Shorthand)
		}
	}
	if !signals.Serves([]string{"--upstream", "https://contoso.azure-api.net"}) || signals.Serves(nil) {
		t.Error("flags alone serve, and no arguments at all do not")
	}
}

// replaceByFIFO has the configuration come from a FIFO: whoever reads it waits until
// open is called, and then until what that returns is closed. The order of events is
// certain that way.
func (p *process) replaceByFIFO() (open func() *os.File) {
	p.t.Helper()
	file := filepath.Join(p.dir, "edge.yaml")
	testkit.Must(p.t, unix.Mkfifo(file+".next", 0o600))
	testkit.Must(p.t, os.Rename(file+".next", file))
	return func() *os.File {
		p.t.Helper()
		f, err := os.OpenFile(file, os.O_WRONLY, 0) // waits for the edge to open it
		testkit.Must(p.t, err)
		return f
	}
}

// TestASIGHUPWhileItLoadsIsAReload holds that it is not lost either, and that many
// are one.
func TestASIGHUPWhileItLoadsIsAReload(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	log := p.logged()
	text := testkit.Read(t, filepath.Join(p.dir, "edge.yaml"))
	open := p.replaceByFIFO()
	p.run()
	f := open()
	for range 100 {
		p.signal(syscall.SIGHUP)
	}
	p.write("next.yaml", text) // what the reload reads
	testkit.Must(t, os.Rename(filepath.Join(p.dir, "next.yaml"), filepath.Join(p.dir, "edge.yaml")))
	_, err := f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	p.eventually("a reload", func() bool { return log.Has(`"trigger":"signal"`) })
	p.answers()
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// TestASIGTERMWhileItLoadsEndsIt holds that it does so in order and at once: what it
// loads may be stuck. SIGHUPs do not displace it.
func TestASIGTERMWhileItLoadsEndsIt(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := newProcess(t)
		log := p.logged()
		open := p.replaceByFIFO()
		p.run()
		f := open()
		for range 100 {
			p.signal(syscall.SIGHUP)
		}
		p.signal(s)
		p.ends(0)
		_ = f.Close()
		if !log.Has("apim-edge: told to end before it served") {
			t.Errorf("%v: the log does not say why it ended: %s", s, log)
		}
	}
}

// TestASIGTERMAsSoonAsItListensDrains holds that an edge at which clients can be is never
// ended as one that has not served: their exchanges would be cut, and not told of.
func TestASIGTERMAsSoonAsItListensDrains(t *testing.T) {
	for range 10 {
		p := newProcess(t, "--log-format", "json")
		log := p.logged()
		p.run()
		for !log.Has(`"listener":"clients"`) {
			runtime.Gosched()
		}
		p.signal(syscall.SIGTERM)
		p.ends(0)
		if !log.Has(`"message":"stopped"`) {
			t.Fatalf("it did not drain: %s", log)
		}
	}
}

// TestAStuckReloadDoesNotHoldUpTheEnd holds it for a reload by a change of the file
// and those by a signal that wait behind it.
func TestAStuckReloadDoesNotHoldUpTheEnd(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	log := p.logged()
	p.serve()
	open := p.replaceByFIFO()
	f := open() // the edge has seen the change and reads
	for range 100 {
		p.signal(syscall.SIGHUP)
	}
	p.answers()
	p.signal(syscall.SIGTERM)
	p.ends(0)
	_ = f.Close()
	if !log.Has(`"message":"stopped"`) {
		t.Errorf("it did not drain: %s", log)
	}
}

// TestSignalsThatDoNotConcernIt holds that a reflex from other servers ("kill -USR1"
// to reopen a log) does no harm.
func TestSignalsThatDoNotConcernIt(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	log := p.logged()
	p.serve()
	for _, s := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGXFSZ, syscall.SIGXCPU,
		syscall.SIGALRM, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGTTOU, syscall.SIGURG, syscall.SIGCHLD, syscall.SIGIO} {
		p.signal(s)
		p.answers()
	}
	p.signal(syscall.SIGHUP)
	p.eventually("a reload", func() bool { return log.Has(`"trigger":"signal"`) })
	p.signal(syscall.SIGTERM)
	p.ends(0)
}
