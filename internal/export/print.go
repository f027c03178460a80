package export

import (
	"fmt"
	"io"
	"strings"
)

// titles are what people call the systems.
var titles = map[Target]string{APIM: "API Management", Nginx: "nginx", HAProxy: "HAProxy"}

// Print writes what the document lacks, for people.
func (d *Document) Print(out io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) } //nolint:errcheck // nobody is left to tell
	p("apim-edge: route %s for %s: %d keys expressed, %d impossible, %d not needed there", d.Route, titles[d.Target],
		d.Count(Expressed), d.Count(Impossible), d.Count(NotNeeded))
	if d.Closed != "" {
		p("\nCLOSED: it lets nobody in as it is: %s.", d.Closed)
	}
	if d.Count(Impossible) > 0 {
		p("\nimpossible with %s:", titles[d.Target])
		for _, k := range d.Keys {
			if k.Verdict == Impossible {
				p("  %s: %s", k.Key, k.Text)
			}
		}
	}
	if len(d.Gaps) > 0 {
		p("\nwhat apim-edge does besides, and %s does not or does in another way:", titles[d.Target])
		for _, g := range d.Gaps {
			p("  %s: %s", g.ID, g.Text)
		}
	}
	if len(d.Fills) > 0 {
		p("\nfill in:")
		for _, f := range d.Fills {
			p("  %s (%s): %s", f.Place, f.Key, f.Text)
		}
	}
	p("\nnot needed there:")
	for _, group := range d.grouped(NotNeeded) {
		p("  %s: %s", strings.Join(group.keys, ", "), group.text)
	}
}

type group struct {
	text string
	keys []string
}

// grouped puts keys together that share a reason, in the order of the configuration.
func (d *Document) grouped(v Verdict) (all []group) {
	at := map[string]int{}
	for _, k := range d.Keys {
		if k.Verdict != v {
			continue
		}
		i, ok := at[k.Text]
		if !ok {
			i = len(all)
			at[k.Text] = i
			all = append(all, group{text: k.Text})
		}
		all[i].keys = append(all[i].keys, k.Key)
	}
	return all
}
