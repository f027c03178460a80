package doctor

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/apim-edge/apim-edge/internal/hint"
)

// Printer writes for people.
type Printer struct {
	Out   io.Writer
	Color bool
}

// Print writes a report.
func (p Printer) Print(r Report) {
	for i := range r.Examined {
		if i > 0 {
			p.line("")
		}
		p.examination(&r.Examined[i])
	}
}

func (p Printer) line(format string, args ...any) {
	fmt.Fprintf(p.Out, strings.TrimRight(format, " ")+"\n", args...) //nolint:errcheck // a reader that has left wants no more
}

func (p Printer) examination(e *Examination) {
	if e.Route != "" {
		p.line("%-14s%s", "route", e.Route)
	}
	p.line("%-14s%s", "api", e.URL)
	if e.Edge != "" {
		p.line("%-14s%s", "edge", e.Edge)
	}
	p.network(&e.Network)
	if len(e.Answers) > 0 {
		p.line("")
		p.line("what was asked, and what came back")
		p.answers(e)
	}
	p.models(e.Models)
	p.line("")
	p.line("what that means")
	for _, f := range e.Findings {
		p.finding(f)
	}
	p.line("")
	p.line("%-14s%s", "way", e.Way.Meaning())
	if e.Configuration == "" {
		p.line("%-14s%s", "configuration", "none: "+strings.TrimPrefix(e.WhyNone, "none is needed: "))
		return
	}
	p.line("configuration to use")
	for l := range strings.Lines(e.Configuration) {
		p.line("  %s", strings.TrimRight(l, "\n"))
	}
}

func (p Printer) network(n *Network) {
	if len(n.Addresses) > 0 {
		text := strings.Join(n.Addresses, ", ")
		if n.Canonical != "" {
			text += " (" + n.Canonical + ")"
		}
		p.line("%-14s%s", "addresses", text)
	}
	if n.Proxy != "" {
		p.line("%-14s%s", "proxy", n.Proxy)
	}
	if t := n.TLS; t != nil {
		names := strings.Join(t.Names[:min(3, len(t.Names))], ", ")
		p.line("%-14s%s, certificate for %s until %s, by %s", "tls", t.Version, names, t.Expires, t.Issuer)
	}
}

// answers are printed as a table; what was asked directly and through the edge stands
// side by side.
func (p Printer) answers(e *Examination) {
	width := 0
	for _, a := range e.Answers {
		width = max(width, len(a.Asked))
	}
	shown := map[int]bool{}
	for i, a := range e.Answers {
		if shown[i] {
			continue
		}
		line := fmt.Sprintf("  %-*s  %s", width, a.Asked, a.result())
		for j := i + 1; j < len(e.Answers) && !a.Edge; j++ {
			if b := e.Answers[j]; b.Edge && b.Asked == a.Asked {
				line = fmt.Sprintf("  %-*s  %-32s  through the edge: %s", width, a.Asked, a.result(), b.result())
				shown[j] = true
			}
		}
		if a.Edge {
			line += "  (through the edge)"
		}
		p.line("%s", line)
	}
}

// models are printed as a table. One that nobody has shows a version alone.
func (p Printer) models(all []Model) {
	if len(all) == 0 {
		return
	}
	p.line("")
	p.line("what is reached through which api-version")
	rows := make([][3]string, len(all))
	var width [2]int
	for i, m := range all {
		rows[i] = [3]string{cmp.Or(m.Model, "any"), cmp.Or(m.APIVersion, "v1"), reachedTexts[m.Reached]}
		if m.Model != "" && m.Deployment != "" && m.Deployment != m.Model {
			rows[i][0] += ", deployment " + m.Deployment
		}
		width[0], width[1] = max(width[0], len(rows[i][0])), max(width[1], len(rows[i][1]))
	}
	for _, r := range rows {
		p.line("  %-*s  %-*s  %s", width[0], r[0], width[1], r[1], r[2])
	}
}

// result is an answer in a few words.
func (a *Answer) result() string {
	switch {
	case a.Failed != "":
		return "no answer: " + a.Failed
	case a.EdgeError != "":
		return fmt.Sprintf("%d %s, by apim-edge", a.Status, a.EdgeError)
	case a.reach() == accepted && a.Status >= 400 && a.known <= hint.Unknown:
		return fmt.Sprintf("%d, accepted", a.Status) // it is about the body, which is empty
	case a.reach() == accepted && a.Status >= 400:
		return fmt.Sprintf("%d, accepted (%s)", a.Status, a.Hint)
	case a.Hint != "":
		return fmt.Sprintf("%d %s", a.Status, a.Hint)
	}
	return fmt.Sprint(a.Status)
}

var hues = map[Kind]int{OK: 32, Note: 36, Problem: 31}

func (p Printer) finding(f Finding) {
	kind := fmt.Sprintf("%-8s", f.Kind)
	if p.Color {
		kind = fmt.Sprintf("\x1b[%dm%s\x1b[0m", hues[f.Kind], kind)
	}
	p.line("  %s %s: %s", kind, f.About, f.Text)
	if f.Do != "" {
		p.line("           do: %s", f.Do)
	}
}

// Meaning says it in a sentence.
func (w Way) Meaning() string {
	switch w {
	case ByClients:
		return "clients: only those get through that also send the key in the API's own field (way 1); an edge in front is way 3"
	case Renamed:
		return "renamed: the API looks into Authorization (way 2)"
	case Front:
		return "front: something in front of the API moves the key already (way 3)"
	case Tokens:
		return "tokens: the API asks for a token, and for no subscription key"
	case Open:
		return "open: the API asks for nothing"
	}
	return "unclear"
}

// PrintMeaning writes what an error text means.
func (p Printer) PrintMeaning(m Meaning) {
	p.line("%-14s%s", "known as", m.Name)
	p.line("%-14s%s", "said by", m.Whose)
	p.line("%-14s%s", "means", m.Means)
	p.line("%-14s%s", "do", m.Do)
	if m.Source != "" {
		p.line("%-14s%s", "seen in", m.Source)
	}
}
