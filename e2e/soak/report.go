package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func writeHeader(w io.Writer) {
	names := []string{"seconds"}
	for _, c := range columns {
		names = append(names, c.name)
	}
	out := csv.NewWriter(w)
	_ = out.Write(names)
	out.Flush()
}

func writeRow(w io.Writer, s *sample) {
	row := []string{strconv.FormatFloat(s.at.Seconds(), 'f', 1, 64)}
	for _, c := range columns {
		row = append(row, strconv.FormatFloat(c.value(s), 'f', -1, 64))
	}
	out := csv.NewWriter(w)
	_ = out.Write(row)
	out.Flush()
}

// report writes report.md and soak.svg, and the verdict to the terminal.
func (s *soak) report() error {
	if err := writePlots(filepath.Join(s.options.out, "soak.svg"), s.samples); err != nil {
		return fmt.Errorf("soak.svg: %w", err)
	}
	file := filepath.Join(s.options.out, "report.md")
	if err := os.WriteFile(file, []byte(s.markdown()), 0o644); err != nil {
		return err
	}
	s.summary()
	fmt.Fprintf(s.out, "\n%s\n", file)
	return nil
}

var lineHeader = []string{"measure", "second quarter", "last quarter", "change", "allowed", "verdict"}

// summary prints what a person wants to know first.
func (s *soak) summary() {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\n"+strings.Join(lineHeader, "\t"))
	for i := range s.lines {
		fmt.Fprintln(table, strings.Join(s.lines[i].row(), "\t"))
	}
	_ = table.Flush()
	fmt.Fprintln(s.out)
	for _, c := range s.checks {
		fmt.Fprintf(s.out, "%-4s  %s: %s\n", s.paint(c.ok), c.name, c.detail)
	}
	findings, _ := s.ledger.Findings()
	for _, finding := range findings[:min(20, len(findings))] {
		fmt.Fprintln(s.out, "finding:", finding)
	}
}

func (s *soak) paint(ok bool) string {
	word, style := "ok", "\x1b[32m"
	if !ok {
		word, style = "FAIL", "\x1b[31m"
	}
	if s.color {
		return style + fmt.Sprintf("%-4s", word) + "\x1b[0m"
	}
	return word
}

// markdown is the report.
func (s *soak) markdown() string {
	var b strings.Builder
	verdict := "All that was checked held."
	if !s.held() {
		verdict = "**Something did not hold**; see FAIL and GROWS below."
	}
	fmt.Fprintf(&b, "# Soak of apim-edge\n\n%s\n\n`%s`, %s of load, begun %s. ", verdict, s.command,
		s.took.Round(time.Second), s.began.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "%.0f arrivals per second and %d long streams", s.rate, s.streams)
	for _, what := range slices.Sorted(maps.Keys(s.told)) {
		fmt.Fprintf(&b, ", %d %s", s.told[what], what)
	}
	b.WriteString(".\n\n![over time](soak.svg)\n\n## Lines\n\n")
	fmt.Fprintf(&b, "Medians of the second and the last quarter of the load. A line is flat if the last is at most %.0f %% above the\n"+
		"second, or grows so slowly that a day would not double it; a few units more mean nothing.\n\n", 100*slack)
	markdownTable(&b, lineHeader, func(row func(cells ...string)) {
		for i := range s.lines {
			row(s.lines[i].row()...)
		}
	})
	if s.took < judgedFrom {
		fmt.Fprintf(&b, "\nA load of less than %s is not judged: the pools still fill.\n", judgedFrom)
	}
	b.WriteString("\n## Checks\n\n")
	markdownTable(&b, []string{"", "check", "what was seen"}, func(row func(cells ...string)) {
		for _, c := range s.checks {
			row(map[bool]string{true: "ok", false: "**FAIL**"}[c.ok], c.name, strings.ReplaceAll(c.detail, "\n", "<br>"))
		}
	})
	s.latencyTable(&b)
	s.endingsTable(&b)
	findings, all := s.ledger.Findings()
	fmt.Fprintf(&b, "\n## Findings\n\n%d", all)
	if all > len(findings) {
		fmt.Fprintf(&b, ", of which the first %d", len(findings))
	}
	b.WriteString("\n\n")
	for _, finding := range findings {
		fmt.Fprintf(&b, "- `%s`\n", strings.ReplaceAll(strings.TrimSpace(finding), "`", "'"))
	}
	b.WriteString("\nEach second is in samples.csv, everything that the edge wrote in edge.log.gz.\n")
	return b.String()
}

// latencyTable shows latency and load by quarter; neither is judged, since other
// work on the machine weighs on both.
func (s *soak) latencyTable(b *strings.Builder) {
	b.WriteString("\n## Load by quarter\n\nMedians over the samples of a quarter; latency is that of small exchanges, from their intended start.\n\n")
	names := []string{"small_p50_ms", "small_p99_ms", "small_max_ms", "exchanges_per_second", "edge_cores", "soak_cores", "descriptors", "client_connections", "pss_mib"}
	markdownTable(b, append([]string{"quarter"}, names...), func(row func(cells ...string)) {
		size := len(s.samples) / 4
		for quarter := range 4 {
			cells := []string{strconv.Itoa(quarter + 1)}
			for _, name := range names {
				var values []float64
				for i := range s.samples[quarter*size : (quarter+1)*size] {
					values = append(values, column(name)(&s.samples[quarter*size+i]))
				}
				if len(values) == 0 {
					values = []float64{0}
				}
				cells = append(cells, strconv.FormatFloat(median(values), 'f', 2, 64))
			}
			row(cells...)
		}
	})
}

// endingsTable shows how the exchanges of each kind ended.
func (s *soak) endingsTable(b *strings.Builder) {
	b.WriteString("\n## How exchanges ended\n\n\"restart\" means that upstream was down for a part of the time, \"stale\" that it closed an idle connection at that moment.\n\n")
	markdownTable(b, []string{"kind", "ending", "exchanges"}, func(row func(cells ...string)) {
		endings, _ := s.ledger.Endings()
		for _, name := range slices.Sorted(maps.Keys(endings)) {
			kind, ending, _ := strings.Cut(name, ": ")
			row(kind, ending, strconv.FormatInt(endings[name], 10))
		}
	})
}

func markdownTable(b *strings.Builder, header []string, rows func(row func(cells ...string))) {
	row := func(cells ...string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	row(header...)
	row(slices.Repeat([]string{"---"}, len(header))...)
	rows(row)
}
