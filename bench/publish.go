package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/apim-edge/apim-edge/bench/internal/report"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
)

// A shown is a section of a page whose tables are those of a run.
type shown struct {
	page, heading string
	legs          []workload.Leg // nil: all
	newest        bool           // without older releases of the same programs
}

// pages are what a newcomer reads of a run; results.md has the rest.
var pages = []shown{
	{"README.md", "What it costs", []workload.Leg{workload.TLSUpstream}, true},
	{"docs/performance.md", "Beside the newest releases", nil, false},
}

// shownWorkloads are the rows of these tables.
var shownWorkloads = []string{
	"small-closed", "small-open", "sdk-closed", "events-busy", "events-paced", "idle-streams", "stalled-clients",
	"short-connections", "down-1gib", "up-1gib", "departure",
}

// publish puts the tables of a run into the pages, in the place of those that are there.
func publish(root, path string) error {
	results, err := report.Read(path)
	if err != nil {
		return err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, p := range pages {
		name := filepath.Join(root, p.page)
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		renewed, err := p.renew(string(text), p.tables(results), filepath.Base(filepath.Dir(path)))
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(renewed), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// tables are what the page shows of a run.
func (p shown) tables(r *report.Results) string {
	if p.newest {
		r = r.Newest()
	}
	var tables strings.Builder
	r.Excerpt(&tables, shownWorkloads, p.legs)
	return tables.String()
}

var resultsFolder = regexp.MustCompile(`bench/results/[\w-]+/`)

// renew replaces what lies from the section's first row to its last, and the folder that
// its links lead to.
func (p shown) renew(text, tables, folder string) (string, error) {
	before, section, after, err := p.section(text)
	if err != nil {
		return "", err
	}
	section = resultsFolder.ReplaceAllLiteralString(section, "bench/results/"+folder+"/")
	first, last := strings.Index(section, "\n|"), strings.LastIndex(section, "|\n")
	if first < 0 || last < first {
		return "", fmt.Errorf("%s: there is no table below %q", p.page, p.heading)
	}
	return before + section[:first+1] + tables + section[last+2:] + after, nil
}

// section returns the section below the heading, and what lies around it.
func (p shown) section(text string) (before, section, after string, err error) {
	heading := "\n## " + p.heading + "\n"
	start := strings.Index(text, heading)
	if start < 0 {
		return "", "", "", fmt.Errorf("%s has no section %q", p.page, p.heading)
	}
	section = text[start+len(heading):]
	if end := strings.Index(section, "\n## "); end >= 0 {
		section, after = section[:end], section[end:]
	}
	return text[:start+len(heading)], section, after, nil
}
