package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/bench/internal/report"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestPagesShowTheirRuns holds that the tables of a page are those of the folder of results
// that it links to, word for word.
func TestPagesShowTheirRuns(t *testing.T) {
	root, err := moduleRoot()
	testkit.Must(t, err)
	for _, p := range pages {
		_, section, _, err := p.section(testkit.Read(t, filepath.Join(root, p.page)))
		testkit.Must(t, err)
		folders := resultsFolder.FindAllString(section, -1)
		slices.Sort(folders)
		if folders = slices.Compact(folders); len(folders) != 1 {
			t.Fatalf("%s: the section links to %q, want one run", p.page, folders)
		}
		results, err := report.Read(filepath.Join(root, folders[0], "results.json"))
		testkit.Must(t, err)
		if tables := p.tables(results); !strings.Contains(section, "\n\n"+tables+"\n") {
			t.Errorf("%s does not show what go run ./bench --publish %sresults.json puts there:\n%s", p.page, folders[0], tables)
		}
	}
}

// TestReadmeShowsTheNewestRun: a folder that is named after more than its date is a run of
// a part, for another page.
func TestReadmeShowsTheNewestRun(t *testing.T) {
	root, err := moduleRoot()
	testkit.Must(t, err)
	runs, err := filepath.Glob(filepath.Join(root, "bench/results/????-??-??/results.md"))
	if err != nil || len(runs) == 0 {
		t.Fatal("no results", err)
	}
	_, section, _, err := pages[0].section(testkit.Read(t, filepath.Join(root, "README.md")))
	testkit.Must(t, err)
	newest := filepath.Base(filepath.Dir(slices.Max(runs))) // folders are named after dates
	if strings.Count(section, "](bench/results/"+newest+"/") < 2 {
		t.Errorf("README.md does not link to table and plot of %s", newest)
	}
}

func TestPublishingRenewsATable(t *testing.T) {
	const page = `# Page

## Other

| old | of another run |

[it](bench/results/2026-01-01/results.md)

## What it costs

Words.

| old |
|---|
| 1 |

With access logs:

| old, logs |
|---|
| 2 |

![plot](bench/results/2026-01-01/plot.svg) and [the run](../bench/results/2026-01-01-some/results.md).

## More

| kept |
`
	got, err := pages[0].renew(page, "| new |\n|---|\n| 3 |\n", "2026-02-02")
	testkit.Must(t, err)
	want := strings.ReplaceAll(page, page[strings.Index(page, "| old |\n"):strings.Index(page, "\n![plot]")], "| new |\n|---|\n| 3 |\n")
	want = strings.Replace(want, "(bench/results/2026-01-01/plot", "(bench/results/2026-02-02/plot", 1)
	want = strings.Replace(want, "2026-01-01-some/", "2026-02-02/", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, text := range []string{"# Page\n", "\n## What it costs\n\nWords.\n"} {
		if _, err := pages[0].renew(text, "", ""); err == nil {
			t.Errorf("%q is renewed", text)
		}
	}
}
