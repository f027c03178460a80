package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one mistake in the configuration.
type Problem struct {
	// File is where the mistake stands: the configuration file, the name of an
	// environment variable, or "flag". It is empty where the mistake is that
	// nothing was written.
	File string
	// Line is the line in the file, or 0.
	Line int
	// Key is the dotted key, as in routes.openai.upstream.
	Key string
	// Found is what stands there; empty where it may be a secret.
	Found string
	// Allowed is what may stand there.
	Allowed string
	// Text says in one line what is wrong and what to do.
	Text string
}

// String returns the problem as one line, beginning with its place.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	return b.String() + p.Text
}

// Problems are all mistakes of a configuration.
type Problems []Problem

// Error returns one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sort brings the problems into the order in which an operator reads: along
// the file first, then variables and flags, then what is missing.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.rank(), b.rank()),
			strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
		)
	})
}

func (p Problem) rank() int {
	switch {
	case p.Line > 0:
		return 0
	case p.File != "":
		return 1
	default:
		return 2
	}
}

// origin is the place where a key was written.
type origin struct {
	file string
	line int
}

// problem makes a Problem of "found this, want that".
func (o origin) problem(key, found, allowed, meant string) Problem {
	text := "found " + found + ", want " + allowed
	if found == "" {
		text = "want " + allowed
	}
	return Problem{File: o.file, Line: o.line, Key: key, Found: found, Allowed: allowed, Text: text + didYouMean(meant)}
}

// fault makes a Problem of "found this, but". An empty found leaves out a value that
// may be a secret.
func (o origin) fault(key, found, fault, meant string) Problem {
	p := Problem{File: o.file, Line: o.line, Key: key, Found: found, Allowed: fault, Text: fault + didYouMean(meant)}
	if found != "" {
		p.Text = "found " + found + ", but " + p.Text
	}
	return p
}

// Locate gives problems that show only where a configuration is put to use, such as
// a file that cannot be read, the places of their keys.
func (c *Config) Locate(found ...Problem) *Problems {
	located := Problems(found)
	for i := range located {
		at := (&checker{config: c}).at(located[i].Key)
		located[i].File, located[i].Line = at.file, at.line
	}
	located.sort()
	return &located
}

func didYouMean(meant string) string {
	if meant == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", meant)
}

// oneOf writes choices as a person would: a, b or c.
func oneOf(choices []string) string {
	if len(choices) < 2 {
		return strings.Join(choices, "")
	}
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// nearest returns the choice that word is most likely a slip of, or "".
func nearest(word string, choices []string) string {
	best, bestDistance := "", max(2, len(word)/3+1)
	for _, choice := range choices {
		if d := distance(strings.ToLower(word), strings.ToLower(choice)); d < bestDistance {
			best, bestDistance = choice, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements between a and b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
