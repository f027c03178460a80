package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// progress shows one line that changes on a terminal, and now and then a line
// elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	whole    time.Duration
	every    time.Duration
	next     time.Duration
}

func newProgress(out io.Writer, whole time.Duration) *progress {
	return &progress{out: out, terminal: isTerminal(out), whole: whole, every: max(5*time.Second, (whole / 20).Round(time.Second))}
}

func isTerminal(out io.Writer) bool {
	file, isFile := out.(*os.File)
	return isFile && isatty.IsTerminal(file.Fd())
}

func (p *progress) say(s *sample) {
	text := fmt.Sprintf("%s of %s  %.0f exchanges/s  p50 %.1f ms  p99 %.1f ms  %.1f MiB  %.0f goroutines  %.0f descriptors  %.2f cores  %.0f findings",
		s.at.Round(time.Second), p.whole, s.rate, s.p50, s.p99, s.pss, s.goroutines, s.descriptors, s.edgeCPU, s.findings)
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K%s", text)
	case s.at >= p.next:
		p.next = s.at + p.every
		fmt.Fprintln(p.out, text)
	}
}

func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}
