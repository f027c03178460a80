package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a page may have at most. People read prose in narrow columns, look into a
// cell and not along it, and lose their place in a paragraph that is a screen.
const (
	maxColumns = 100
	maxCell    = 200 // characters that a reader sees
	maxWords   = 100
)

// TestPagesKeepTheirForm: lines, cells and paragraphs of every page have a bound,
// and the upstream has one name.
func TestPagesKeepTheirForm(t *testing.T) {
	all := pages(t)
	for _, page := range []string{"e2e/README.md", "e2e/wire/README.md", "e2e/soak/README.md", "bench/README.md"} {
		all[page] = read(t, page)
	}
	for page, text := range all {
		for _, fault := range formFaults(text) {
			t.Errorf("%s:%s", page, fault)
		}
	}
}

// TestFormFaultsAreFound: the rules find what they are for, and nothing else.
func TestFormFaultsAreFound(t *testing.T) {
	long := strings.Repeat("word ", 21)
	link := "[name](" + strings.Repeat("x", 120) + ")"
	for _, tc := range []struct {
		name, text string
		want       int
	}{
		{"a long line", long, 1},
		{"a long line of a list", "- " + long, 1},
		{"a link that cannot be broken", link, 0},
		{"the same in a list", "- " + link, 0},
		{"words beside a link", link + " word", 1},
		{"code", "```\n" + long + "\n```", 0},
		{"code in a list", "- item\n\n  ```sh\n  " + long + "\n  ```", 0},
		{"a cell with a long target", "| " + link + " |", 0},
		{"a long cell", "| a | " + strings.Repeat(long, 2) + "|", 1},
		{"a bar in a cell", "| " + strings.Repeat("a", 150) + `\|` + strings.Repeat("a", 150) + " |", 1},
		{"a long paragraph", strings.Repeat("word\n", 101), 1},
		{"two paragraphs", strings.Repeat("word\n", 60) + "\n" + strings.Repeat("word\n", 60), 0},
		{"items are apart", strings.Repeat("- word\n", 101), 0},
		{"an item goes on", "- word\n" + strings.Repeat("  word\n", 100), 1},
		{"no article", "A cut cancels upstream.", 1},
		{"no article, across lines", "what goes to\nupstream", 1},
		{"no article, at the start", "Upstream answers.", 1},
		{"no article, of its own", "We build upstream's head.", 1},
		{"an article", "The upstream answers what goes to the upstream.", 0},
		{"a direction", "No credential goes upstream.", 0},
		{"in code", "`cancels upstream`", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := formFaults(tc.text); len(got) != tc.want {
				t.Errorf("%d faults, want %d: %q", len(got), tc.want, got)
			}
		})
	}
}

var (
	atom      = regexp.MustCompile("!?\\[[^\\]]*\\]\\([^)]*\\)|`[^`]*`")
	linkTo    = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	codeSpan  = regexp.MustCompile("`[^`]*`")
	listMark  = regexp.MustCompile(`^\s*(?:[-*]|\d+\.)\s`)
	barInside = regexp.MustCompile(`\\\|`)
	bare      = regexp.MustCompile(`\b(?:to|of|from|by|with|towards|at|in|on|for|behind|cancels|reaches|that|what|` +
		`when|where|while|if|until|before|after|and|or|whether|than|as) upstream\b|(?:^|[.:;] )Upstream\b|\bupstream's`)
	articled = regexp.MustCompile(`\b(?:[Tt]he|an?|each|every|one|another|only) upstream\b`)
)

// formFaults returns the faults of a page, each with its line.
func formFaults(text string) []string {
	var faults, paragraph []string
	fenced := false
	number := 0
	report := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%d: %s", number, fmt.Sprintf(format, args...)))
	}
	end := func() {
		whole := linkTo.ReplaceAllString(strings.Join(paragraph, " "), "$1")
		if n := len(strings.Fields(whole)); n > maxWords {
			report("a paragraph of %d words ends here, more than %d", n, maxWords)
		}
		whole = articled.ReplaceAllString(codeSpan.ReplaceAllString(whole, "``"), "it")
		if found := bare.FindString(whole); found != "" {
			report("%q: write \"the upstream\"", found)
		}
		paragraph = nil
	}
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		start := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(start, "```"):
			end()
			fenced = !fenced
		case fenced || strings.HasPrefix(start, "<!--"):
		case strings.HasPrefix(start, "|"):
			end()
			for _, cell := range cells(start) {
				if n := utf8.RuneCountInString(cell); n > maxCell {
					report("a cell of %d characters, more than %d", n, maxCell)
				}
				paragraph = []string{cell}
				end()
			}
		case start == "" || strings.HasPrefix(start, "#"):
			end()
		default:
			if listMark.MatchString(line) {
				end()
			}
			paragraph = append(paragraph, listMark.ReplaceAllString(line, ""))
			if n := utf8.RuneCountInString(line); n > maxColumns && canBreak(line) {
				report("%d columns, more than %d", n, maxColumns)
			}
		}
	}
	end()
	return faults
}

// canBreak reports whether the line has a space that is neither in a link nor in
// code.
func canBreak(line string) bool {
	line = listMark.ReplaceAllString(line, "")
	return strings.Contains(strings.TrimSpace(atom.ReplaceAllString(line, "x")), " ")
}

// cells returns what a reader sees of the cells of a row.
func cells(row string) []string {
	row = linkTo.ReplaceAllString(barInside.ReplaceAllString(row, "¦"), "$1")
	return slices.DeleteFunc(strings.Split(row, "|"), func(cell string) bool { return strings.TrimSpace(cell) == "" })
}
