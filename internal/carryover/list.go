package carryover

import (
	"fmt"
	"slices"
	"strings"
)

// Complete reports whether everything was carried over or needs nothing.
func (r Result) Complete() bool {
	return !slices.ContainsFunc(r.Items, func(i Item) bool { return i.Fate == Left })
}

// Count returns how many items have a fate.
func (r Result) Count(fate Fate) int {
	n := 0
	for _, i := range r.Items {
		if i.Fate == fate {
			n++
		}
	}
	return n
}

// affected says in words what is different.
var affected = map[Affects]string{
	Access:    "who may call",
	Request:   "what the upstream gets",
	Response:  "what the client gets",
	Limits:    "how much may be asked",
	Telemetry: "what is seen of it",
	Unknown:   "not known",
}

// List is the list for people.
func (r Result) List() string {
	var out strings.Builder
	r = r.printable()
	r.part(&out, Left, "NOT CARRIED OVER")
	r.part(&out, Carried, "CARRIED OVER")
	r.part(&out, Nothing, "NEEDS NOTHING")
	fmt.Fprintf(&out, "%d carried over, %d not carried over, %d need nothing.\n", r.Count(Carried), r.Count(Left), r.Count(Nothing))
	return out.String()
}

// printable is the result without what commands a terminal or forges a line: policies and
// names of files may hold anything.
func (r Result) printable() Result {
	items := slices.Clone(r.Items)
	for n := range items {
		i := &items[n]
		i.File, i.What, i.Section, i.Text, i.Reason = comment(i.File), comment(i.What), comment(i.Section), comment(i.Text), comment(i.Reason)
	}
	r.Items = items
	return r
}

func (r Result) part(out *strings.Builder, fate Fate, title string) {
	n := r.Count(fate)
	if n == 0 {
		return
	}
	fmt.Fprintf(out, "%s (%d)\n", title, n)
	if fate == Nothing {
		r.nothings(out)
	} else {
		several := r.severalRoutes()
		for _, i := range r.Items {
			if i.Fate == fate {
				i.print(out, several)
			}
		}
	}
	out.WriteString("\n")
}

// nothings prints what needs nothing, with those of one file and one reason on a line.
func (r Result) nothings(out *strings.Builder) {
	type kind struct{ file, reason string }
	lines := map[kind][]string{}
	var order []kind
	for _, i := range r.Items {
		if i.Fate != Nothing {
			continue
		}
		k := kind{i.File, i.Reason}
		if lines[k] == nil {
			order = append(order, k)
		}
		what := i.What
		if i.Line > 0 {
			what = fmt.Sprintf("%d %s", i.Line, what)
		}
		lines[k] = append(lines[k], what)
	}
	for _, k := range order {
		fmt.Fprintf(out, "  %s: %s\n      %s\n", k.file, strings.Join(lines[k], ", "), k.reason)
	}
}

// severalRoutes reports whether the items are about more than one route.
func (r Result) severalRoutes() bool {
	names := map[string]bool{}
	for _, i := range r.Items {
		for _, name := range i.Routes {
			names[name] = true
		}
	}
	return len(names) > 1
}

func (i Item) print(out *strings.Builder, several bool) {
	fmt.Fprintf(out, "  %s%s", i.at(), i.What)
	if i.Section != "" && i.Section != i.What {
		fmt.Fprintf(out, " in %s", i.Section)
	}
	switch {
	case i.Fate == Left:
		fmt.Fprintf(out, " [%s]", affected[i.Affects])
		if several && len(i.Routes) > 0 {
			fmt.Fprintf(out, " of %s", strings.Join(i.Routes, ", "))
		}
	case len(i.Keys) > 0:
		fmt.Fprintf(out, " -> %s", strings.Join(i.Keys, ", "))
	}
	out.WriteString("\n")
	if i.Text != "" {
		fmt.Fprintf(out, "      %s\n", i.Text)
	}
	if i.Reason != "" {
		fmt.Fprintf(out, "      %s\n", i.Reason)
	}
}

func (i Item) at() string {
	switch {
	case i.File == "":
		return ""
	case i.Line == 0:
		return i.File + ": "
	}
	return fmt.Sprintf("%s:%d: ", i.File, i.Line)
}
