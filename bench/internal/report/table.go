package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// Markdown writes the report: the machine, a summary, and a table for each
// workload and leg.
func (r *Results) Markdown(w io.Writer) {
	fmt.Fprintf(w, "# Bench: %s\n\n", r.Name)
	r.writeRun(w)
	fmt.Fprintf(w, "\n## Summary\n\n")
	r.Summary(w)
	blocks := r.blocks()
	for i := range blocks {
		blocks[i].markdown(w)
	}
	r.writePeers(w)
}

func (r *Results) writeRun(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "`%s`, commit %s, %s, took %s.\n\n", r.Command, r.Commit, r.Date, r.Took)
	fmt.Fprintf(w, "%s, %d CPUs, %d GiB, Linux %s, %s. Each peer had %d core(s) (CPU %s); load and upstream ran on CPU %s. %d round(s), interleaved; median (minimum–maximum).\n",
		m.CPU, m.CPUs, m.MemoryGiB, m.Kernel, m.Go, m.Cores, list(m.PeerCPUs), list(m.LoadCPUs), r.Rounds)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "\n> %s\n", note)
	}
}

func list(cpus []int) string {
	var words []string
	for _, cpu := range cpus {
		words = append(words, strconv.Itoa(cpu))
	}
	return strings.Join(words, ",")
}

// Summary writes one line per workload and leg with the first figure of every
// peer, and what the edge is in relation to the best general proxy. Those that write an
// access log have a table of their own.
func (r *Results) Summary(w io.Writer) {
	r.Excerpt(w, nil, nil)
}

// Excerpt is the summary of some workloads on some legs; nil: of all.
func (r *Results) Excerpt(w io.Writer, workloads []string, legs []workload.Leg) {
	blocks := slices.DeleteFunc(r.blocks(), func(b block) bool {
		return workloads != nil && !slices.Contains(workloads, b.Name) || legs != nil && !slices.Contains(legs, b.leg)
	})
	r.summary(w, blocks, false)
	logged := slices.DeleteFunc(blocks, func(b block) bool {
		return !slices.ContainsFunc(b.lines, func(l line) bool { return l.AccessLog })
	})
	if len(logged) > 0 {
		fmt.Fprintf(w, "\n%s\n\n", withLogs)
		r.summary(w, logged, true)
	}
}

const withLogs = "With access logs, each into a file:"

func (r *Results) summary(w io.Writer, blocks []block, logs bool) {
	var names []string
	for _, p := range r.Peers {
		if p.Absent == "" && p.Role != peers.Direct && p.AccessLog == logs {
			names = append(names, p.Name)
		}
	}
	fmt.Fprintf(w, "| workload | legs | figure | %s | edge / best |\n", strings.Join(names, " | "))
	fmt.Fprintf(w, "|---|---|---|%s---:|\n", strings.Repeat("---:|", len(names)))
	for i := range blocks {
		b := &blocks[i]
		fmt.Fprintf(w, "| %s | %s | %s |", b.Name, b.leg, b.Figures[0].Title)
		for _, name := range names {
			fmt.Fprintf(w, " %s |", b.summaryCell(name))
		}
		fmt.Fprintf(w, " %s |\n", b.edgeRatio(logs))
	}
}

func (b *block) summaryCell(name string) string {
	for _, l := range b.lines {
		if l.Name == name {
			return b.cell(l, b.Figures[0], medianOnly)
		}
	}
	return "–"
}

// edgeRatio is that of the edge without anything more, or with its log.
func (b *block) edgeRatio(logs bool) string {
	best := b.best(logs)
	for _, l := range b.lines {
		if l.Role == peers.Edge && l.AccessLog == logs && best != nil {
			if s := b.ratio(l); s.Rounds > 0 {
				return fmt.Sprintf("%.2f (%s)", s.Median, best.Name)
			}
		}
	}
	return "–"
}

func (b *block) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n## %s, %s\n\n%s\n\n", b.Name, b.leg, upperFirst(b.About)+".")
	head := []string{"peer", b.Figures[0].Title, "× best"}
	for _, f := range b.Figures[1:] {
		head = append(head, f.Title)
	}
	fmt.Fprintf(w, "| %s | errors |\n|---|%s\n", strings.Join(head, " | "), strings.Repeat("---:|", len(head)))
	for _, l := range b.lines {
		fmt.Fprintf(w, "| %s |", b.label(l))
		fmt.Fprintf(w, " %s | %s |", b.cell(l, b.Figures[0], withRange), ratioText(b.ratio(l)))
		for _, f := range b.Figures[1:] {
			fmt.Fprintf(w, " %s |", b.cell(l, f, withRange))
		}
		fmt.Fprintf(w, " %d |\n", l.errors)
	}
	b.writeRemarks(w)
}

func (b *block) label(l line) string {
	name := l.Name
	if l.Role == peers.Edge {
		name = "**" + name + "**"
	}
	if l.saturated {
		name += " ¹"
	}
	return name
}

func (b *block) writeRemarks(w io.Writer) {
	for _, l := range b.lines {
		if name, s := b.toPlain(l); s.Rounds > 0 {
			fmt.Fprintf(w, "\n%s: %.2f (%.2f–%.2f) × %s\n", l.Name, s.Median, s.Min, s.Max, name)
		}
	}
	for _, l := range b.lines {
		if l.saturated {
			fmt.Fprintf(w, "\n¹ load and upstream used all of their CPU: rates and percentiles are theirs as much as the peer's; CPU per %s is not affected.\n", b.Unit)
			break
		}
	}
	for _, l := range b.lines {
		if l.failed != "" {
			fmt.Fprintf(w, "\n%s: %s\n", l.Name, l.failed)
		}
		if kinds := l.kinds(); kinds != "" {
			fmt.Fprintf(w, "\n%s, errors: %s\n", l.Name, kinds)
			continue
		}
		for _, row := range l.byRound {
			if row.FirstError != "" {
				fmt.Fprintf(w, "\n%s, first error: %s\n", l.Name, row.FirstError)
				break
			}
		}
	}
}

// kinds lists the errors of a line by their kinds.
func (l *line) kinds() string {
	sum := map[string]int64{}
	for _, row := range l.byRound {
		for kind, n := range row.Kinds {
			sum[kind] += n
		}
	}
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(sum)) {
		words = append(words, fmt.Sprintf("%d × %s", sum[kind], kind))
	}
	return strings.Join(words, ", ")
}

type detail int

const (
	medianOnly detail = iota
	withRange
)

func (b *block) cell(l line, f workload.Figure, d detail) string {
	s := b.figure(l, f)
	if s.Rounds == 0 {
		if l.failed != "" {
			return "failed"
		}
		if isNever(l, f) {
			return "never"
		}
		return "–"
	}
	median := strconv.FormatFloat(s.Median, 'f', f.Decimals, 64)
	if d == medianOnly || s.Rounds == 1 || s.Min == s.Max {
		return median
	}
	return fmt.Sprintf("%s (%.*f–%.*f)", median, f.Decimals, s.Min, f.Decimals, s.Max)
}

// isNever says that the figure is missing because the upstream was never
// cancelled, which is worse than any number.
func isNever(l line, f workload.Figure) bool {
	if !strings.HasSuffix(f.Key, "_ms") && !strings.HasSuffix(f.Key, "_s") {
		return false
	}
	for _, row := range l.byRound {
		if row.Figures["never"] > 0 {
			return true
		}
	}
	return false
}

func ratioText(s Spread) string {
	if s.Rounds == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", s.Median)
}

func (r *Results) writePeers(w io.Writer) {
	fmt.Fprintf(w, "\n## Peers\n\n| peer | role | version | note |\n|---|---|---|---|\n")
	for _, p := range r.Peers {
		note := p.Note
		if p.Absent != "" {
			note = "**absent**: " + p.Absent
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", p.Name, p.Role, p.Version, note)
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
