package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// progress tells how far the run is: a bar on a terminal, a line per workload
// elsewhere.
type progress struct {
	out  io.Writer
	bar  *progressbar.ProgressBar
	last string
}

func newProgress(out *os.File) *progress {
	p := &progress{out: out}
	if isatty.IsTerminal(out.Fd()) {
		p.bar = progressbar.NewOptions(1, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
	}
	return p
}

// begin says how many cells there are.
func (p *progress) begin(cells int) {
	if p.bar != nil {
		p.bar.ChangeMax(cells)
	}
}

// say names what is done now; group is told once where there is no bar.
func (p *progress) say(group, detail string) {
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%-26s %-14s", group, detail))
		return
	}
	if group != p.last {
		p.last = group
		fmt.Fprintln(p.out, group)
	}
}

// step says that one cell is done.
func (p *progress) step() {
	if p.bar != nil {
		_ = p.bar.Add(1)
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		fmt.Fprintln(p.out)
	}
}
