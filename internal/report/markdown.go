package report

import (
	"fmt"
	"strings"
)

// page is Markdown that grows.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes a table; there is none without rows.
func (p *page) table(heads []string, rows [][]string) {
	if len(rows) == 0 {
		p.line("None.\n")
		return
	}
	p.line("| %s |", strings.Join(heads, " | "))
	p.line("|%s", strings.Repeat("---|", len(heads)))
	for _, row := range rows {
		for i := range row {
			row[i] = plain(row[i])
		}
		p.line("| %s |", strings.Join(row, " | "))
	}
	p.line("")
}

// plain is a text that Markdown shows as it is: what a census holds may come from anybody.
var plainText = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", "\\*", "_", "\\_",
	"[", "\\[", "]", "\\]", "\n", " ", "\r", " ")

func plain(text string) string { return plainText.Replace(text) }

func (r *Report) markdown() string {
	p := &page{}
	p.line("# Can apim-edge go?\n\n**%s**\n", plain(r.Summary))
	p.line("Made on %s. The census began on %s and was read on %s; it has counted on %d of the last %d days, at %s.\n",
		date(r.Made), date(r.Looked.Since), date(r.Looked.Until), r.Looked.Days, r.Days, Counted(r.Looked.Replicas, "replica"))
	for _, d := range r.Doubts {
		p.line("- Note: %s.", plain(d))
	}
	if len(r.Doubts) > 0 {
		p.line("")
	}
	p.line("## Routes\n")
	var rows [][]string
	for _, x := range r.Routes {
		rows = append(rows, []string{x.Name, verdictText[x.Verdict], x.Why, fmt.Sprint(x.Callers), fmt.Sprint(x.Needing), date(x.Last)})
	}
	p.table([]string{"route", "edge", "why", "callers", "who need it", "last seen"}, rows)
	r.callerTables(p)
	p.line("## What breaks if a rule goes\n")
	rows = nil
	for _, x := range r.Rules {
		rows = append(rows, []string{x.Name, x.Does, x.Breaks, fmt.Sprint(x.Callers), fmt.Sprint(x.Exchanges), date(x.Last)})
	}
	p.table([]string{"rule", "the edge", "without it", "callers", "exchanges", "last"}, rows)
	p.line("## Programs that misplace tokens\n")
	rows = nil
	for _, x := range r.Clients {
		rows = append(rows, []string{x.Name, x.Version, x.Reason, fmt.Sprint(x.Callers), date(x.Last)})
	}
	p.table([]string{"program", "version", "what it does", "callers", "last"}, rows)
	r.changeList(p)
	p.line("## Checklist to the day of removal\n")
	for _, i := range r.Todo {
		mark, note := " ", ""
		switch i.State {
		case Done:
			mark = "x"
		case NoProof:
			note = " *(unproved)*"
		}
		p.line("- [%s] %s%s", mark, plain(i.Text), note)
	}
	return p.String()
}

var verdictText = map[Verdict]string{Needed: "still needed", NotNeeded: "not needed", Unknown: "not known yet"}

// callerTables lists those who need the edge, those who do not, and those who have gone.
func (r *Report) callerTables(p *page) {
	for _, part := range r.parts() {
		p.line("## %s\n", part.Title)
		var rows [][]string
		for _, c := range part.Callers {
			rows = append(rows, []string{c.Route, c.Who, strings.Join(c.Clients, ", "), strings.Join(c.Uses, ", "), c.Why, fmt.Sprint(c.Exchanges), c.failures(), date(c.LastNeed), date(c.Last)})
		}
		p.table([]string{"route", "caller", "programs", "uses", "why", "exchanges", "failed", "last in need", "last"}, rows)
	}
}

// Part is one of the lists of callers.
type Part struct {
	Title   string
	Callers []Caller
}

func (r *Report) parts() []Part {
	parts := []Part{{Title: "Who still needs the edge"}, {Title: "Who would work without it today"}, {Title: "Who has not come lately"}}
	for _, c := range r.Callers {
		at := 2
		switch {
		case c.Recent && c.Needs:
			at = 0
		case c.Recent:
			at = 1
		}
		parts[at].Callers = append(parts[at].Callers, c)
	}
	return parts
}

// failures says how many exchanges have failed, and as what the last one is known.
func (c Caller) failures() string {
	text := fmt.Sprint(c.Failed)
	if c.Hint != "" {
		text += " (" + c.Hint + ")"
	}
	return text
}

func (r *Report) changeList(p *page) {
	p.line("## What to change, route by route\n")
	for _, x := range r.Routes {
		p.line("### Route %s\n", plain(x.Name))
		if x.Upstream != "" {
			p.line("It leads to %s.\n", plain(x.Upstream))
		}
		if len(x.Changes) == 0 {
			p.line("Nothing has to be changed for its callers, but their base URL.\n")
		}
		for _, c := range x.Changes {
			p.line("**%s.** %s\n", plain(c.For), plain(c.What))
			if c.Text != "" {
				p.line("```%s\n%s\n```\n", c.Kind, strings.ReplaceAll(c.Text, "```", ""))
			}
			if c.But != "" {
				p.line("But: %s\n", plain(c.But))
			}
		}
		if len(x.Proofs) > 0 {
			p.line("Asked without the edge on %s:\n", date(r.Made))
			var rows [][]string
			for _, proof := range x.Proofs {
				rows = append(rows, []string{proof.Asked, proof.Verdict, proof.Evidence})
			}
			p.table([]string{"asked", "verdict", "evidence"}, rows)
		}
	}
}
