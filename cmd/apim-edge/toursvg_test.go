package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The screen of the picture, in characters and in pixels.
const (
	screenColumns = 80
	screenWidth   = 675 // of so many characters of 14 px, in the fonts below
	lineHeight    = 18
	margin        = 14
)

// Reading takes longer than printing.
const (
	secondsToStart = 1.5
	secondsPerLine = 0.55
	lineTakes      = 0.06
)

// A stepHead begins a step of the tour, in bold.
var stepHead = regexp.MustCompile(`(?m)^(?:\x1b\[1m)?\d of \d\. `)

// tourSteps cuts the tour at its steps. What is before the first one stands with it.
func tourSteps(text string) (steps []string) {
	heads := stepHead.FindAllStringIndex(text, -1)
	for i, h := range heads {
		from, to := h[0], len(text)
		if i == 0 {
			from = 0
		}
		if i+1 < len(heads) {
			to = heads[i+1][0]
		}
		steps = append(steps, strings.Trim(text[from:to], "\n"))
	}
	return steps
}

// screenLines are the lines of the tour as a screen breaks them, without empty ones.
func screenLines(text string) (lines []string) {
	for _, step := range tourSteps(text) {
		for line := range strings.SplitSeq(step, "\n") {
			for _, part := range broken(line) {
				if part != "" {
					lines = append(lines, part)
				}
			}
		}
	}
	return lines
}

// broken breaks a line at the last space before the edge of the screen. One with colours is
// never that long.
func broken(line string) (parts []string) {
	for utf8.RuneCountInString(colours.ReplaceAllString(line, "")) > screenColumns {
		at := strings.LastIndexByte(line[:screenColumns], ' ')
		parts = append(parts, line[:at])
		line = " " + line[at:]
	}
	return append(parts, line)
}

// shownStep is a step as it is shown: its lines, and when it is there, in seconds.
type shownStep struct {
	lines    []string
	from, to float64
}

func timedSteps(text string) (steps []shownStep, rows int, seconds float64) {
	for _, step := range tourSteps(text) {
		s := shownStep{from: seconds}
		for line := range strings.SplitSeq(step, "\n") {
			s.lines = append(s.lines, broken(line)...)
		}
		seconds += secondsToStart + secondsPerLine*float64(len(s.lines))
		s.to = seconds
		steps, rows = append(steps, s), max(rows, len(s.lines))
	}
	return steps, rows, seconds
}

// tourSVG draws the tour as a terminal shows it, one step after the other.
func tourSVG(text string) []byte {
	steps, rows, seconds := timedSteps(text)
	width := screenWidth + 2*margin
	height := rows*lineHeight + 2*margin
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" xml:space="preserve">`+"\n", width, height, width, height)
	b.WriteString("<title>The tour of apim-edge demo</title>\n" +
		"<desc>Eight steps as a terminal shows them, one after the other; docs/tour.txt has the words.</desc>\n<style>\n" + tourStyle)
	for i, s := range steps {
		at := func(t float64) float64 { return 100 * t / seconds }
		printed := s.from + lineTakes*float64(len(s.lines))
		fmt.Fprintf(&b, "@keyframes s%d{0%%{visibility:hidden}%.3f%%{visibility:visible}%.3f%%,100%%{visibility:hidden}}\n", i, at(s.from), at(s.to))
		fmt.Fprintf(&b, "@keyframes c%d{0%%{transform:translateY(0)}%.3f%%{transform:translateY(0);animation-timing-function:steps(%d)}%.3f%%,100%%{transform:translateY(%dpx)}}\n",
			i, at(s.from), len(s.lines), at(printed), len(s.lines)*lineHeight)
		fmt.Fprintf(&b, ".s%d{animation:s%d %.1fs step-end infinite}.c%d{animation:c%d %.1fs linear infinite}\n", i, i, seconds, i, i, seconds)
	}
	fmt.Fprintf(&b, ".c{transform:translateY(%dpx)}\n", height)
	b.WriteString("@media (prefers-reduced-motion: reduce){.s,.c{animation:none}}\n</style>\n")
	fmt.Fprintf(&b, `<clipPath id="screen"><rect width="%d" height="%d" rx="8"/></clipPath>`+"\n<g clip-path=\"url(#screen)\">\n<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", width, height, width, height)
	for i, s := range steps {
		drawStep(&b, i, &s, width, height)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// stillStep is the one that is seen where nothing may move: the answer through the edge.
const stillStep = 1

func drawStep(b *bytes.Buffer, i int, s *shownStep, width, height int) {
	still := ""
	if i == stillStep {
		still = " still"
	}
	fmt.Fprintf(b, "<g class=\"s s%d%s\">\n", i, still)
	for row, line := range s.lines {
		if line != "" {
			fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", margin, margin+row*lineHeight+lineHeight-5, spans(line))
		}
	}
	fmt.Fprintf(b, "<rect class=\"bg c c%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n</g>\n", i, margin, width, height)
}

// spans is a line with its colours as classes.
func spans(line string) string {
	var b bytes.Buffer
	class, from := "", 0
	put := func(text string) {
		if text == "" {
			return
		}
		if class != "" {
			fmt.Fprintf(&b, `<tspan class=%q>`, class)
		}
		_ = xml.EscapeText(&b, []byte(text))
		if class != "" {
			b.WriteString("</tspan>")
		}
	}
	for _, c := range colours.FindAllStringIndex(line, -1) {
		put(line[from:c[0]])
		from, class = c[1], ""
		if code := line[c[0]+2 : c[1]-1]; code != "0" {
			class = "k" + code
		}
	}
	put(line[from:])
	return b.String()
}

// tourStyle has the colours of a terminal, light or dark as its reader likes it. Where
// nothing may move, or can, one step is seen.
const tourStyle = `svg{--bg:#f6f8fa;--fg:#1f2328;--red:#c0202c;--green:#116329;--blue:#0a5cc2;--soft:#57606a}
@media (prefers-color-scheme: dark){svg{--bg:#161b22;--fg:#e6edf3;--red:#ff8f88;--green:#5fd07a;--blue:#7ab8ff;--soft:#9aa4ae}}
.bg{fill:var(--bg)}
text{fill:var(--fg);font:14px ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",Consolas,monospace;white-space:pre}
.k1{font-weight:700}.k31{fill:var(--red)}.k32{fill:var(--green)}.k36{fill:var(--blue)}.k90{fill:var(--soft)}
.s{visibility:hidden}.still{visibility:visible}
`
