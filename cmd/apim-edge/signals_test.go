//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// replaceByFIFO has the configuration come from a FIFO: whoever reads it waits until
// open is called, and then until what that returns is closed. The order of events is
// certain that way.
func (p *process) replaceByFIFO() (open func() *os.File) {
	p.t.Helper()
	file := filepath.Join(p.dir, "edge.yaml")
	if err := unix.Mkfifo(file+".next", 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(file+".next", file); err != nil {
		p.t.Fatal(err)
	}
	return func() *os.File {
		p.t.Helper()
		f, err := os.OpenFile(file, os.O_WRONLY, 0) // waits for the edge to open it
		if err != nil {
			p.t.Fatal(err)
		}
		return f
	}
}

// TestASIGHUPWhileItLoadsIsAReload holds that it is not lost either, and that many
// are one.
func TestASIGHUPWhileItLoadsIsAReload(t *testing.T) {
	p := newProcess(t, "--log-format", "json")
	log := p.logged()
	text, err := os.ReadFile(filepath.Join(p.dir, "edge.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	open := p.replaceByFIFO()
	p.run()
	f := open()
	for range 100 {
		p.signal(syscall.SIGHUP)
	}
	p.write("next.yaml", string(text)) // what the reload reads
	if err := os.Rename(filepath.Join(p.dir, "next.yaml"), filepath.Join(p.dir, "edge.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	p.eventually("a reload", func() bool { return log.has(`"trigger":"signal"`) })
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
		if !log.has("apim-edge: told to end before it served") {
			t.Errorf("%v: the log does not say why it ended: %s", s, log)
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
	if !log.has(`"message":"stopped"`) {
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
	p.eventually("a reload", func() bool { return log.has(`"trigger":"signal"`) })
	p.signal(syscall.SIGTERM)
	p.ends(0)
}
