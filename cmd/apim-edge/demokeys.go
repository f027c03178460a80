package main

import (
	"bytes"
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// The bytes that a terminal in raw mode sends for Ctrl-C, Ctrl-D and Ctrl-\.
const (
	ctrlC         = 3
	ctrlD         = 4
	ctrlBackslash = 28
)

// demoKeys reads single keys, for as long as it is open. The terminal is in raw mode
// then: it ends no lines by itself, and Ctrl-C is a byte.
type demoKeys struct {
	pressed chan byte
	out     io.Writer
	in      *os.File
	before  *term.State
}

// keyboard reports whether somebody can press keys, and sees what they do. A job in the
// background would be stopped by asking.
func keyboard(in, out *os.File) bool {
	return isatty.IsTerminal(in.Fd()) && isatty.IsTerminal(out.Fd()) && os.Getenv("TERM") != "dumb" && inForeground(in)
}

// openKeys has interrupt called by Ctrl-C.
func openKeys(in *os.File, out io.Writer, interrupt func()) (*demoKeys, error) {
	before, err := term.MakeRaw(int(in.Fd())) //nolint:gosec // a descriptor
	if err != nil {
		return nil, err
	}
	k := &demoKeys{pressed: make(chan byte, 8), out: out, in: in, before: before}
	go k.read(interrupt)
	return k, nil
}

// read ends with the process, or with the terminal: nothing else ends a read.
func (k *demoKeys) read(interrupt func()) {
	var one [1]byte
	for {
		n, err := k.in.Read(one[:])
		if err != nil || n == 0 {
			interrupt()
			return
		}
		switch one[0] {
		case ctrlC, ctrlD, ctrlBackslash:
			interrupt()
		default:
			select {
			case k.pressed <- one[0]:
			default: // more than anybody presses
			}
		}
	}
}

// Write implements io.Writer.
func (k *demoKeys) Write(p []byte) (int, error) {
	if _, err := k.out.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (k *demoKeys) close() { _ = term.Restore(int(k.in.Fd()), k.before) } //nolint:gosec // a descriptor
