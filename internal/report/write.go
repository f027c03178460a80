package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Format is what a report is written as.
type Format string

// The formats.
const (
	Markdown Format = "markdown"
	HTML     Format = "html"
	JSON     Format = "json"
	CSV      Format = "csv"
)

// Formats are all of them.
var Formats = []Format{Markdown, HTML, JSON, CSV}

// ContentType is that of a format.
func (f Format) ContentType() string {
	return map[Format]string{
		Markdown: "text/markdown; charset=utf-8", HTML: "text/html; charset=utf-8", JSON: "application/json", CSV: "text/csv; charset=utf-8",
	}[f]
}

// Write writes the report.
func (r *Report) Write(w io.Writer, f Format) error {
	switch f {
	case HTML:
		return r.html(w)
	case JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case CSV:
		return r.csv(w)
	case Markdown:
		_, err := io.WriteString(w, r.markdown())
		return err
	}
	return fmt.Errorf("no format %q", f)
}

// csv writes the callers: what people sort and filter.
func (r *Report) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"route", "who", "clients", "models", "needs_edge", "uses", "why", "recent", "exchanges", "failed", "hint", "first", "last", "last_needing"})
	for _, c := range r.Callers {
		_ = out.Write([]string{
			cell(c.Route), cell(c.Who), cell(strings.Join(c.Clients, ", ")), cell(strings.Join(c.Models, ", ")), strconv.FormatBool(c.Needs), cell(strings.Join(c.Uses, " ")),
			cell(c.Why), strconv.FormatBool(c.Recent), strconv.FormatInt(c.Exchanges, 10), strconv.FormatInt(c.Failed, 10), cell(c.Hint),
			c.First.UTC().Format(time.RFC3339), c.Last.UTC().Format(time.RFC3339), moment(c.LastNeed),
		})
	}
	out.Flush()
	return out.Error()
}

// moment is a time in a cell, which is empty where there was none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// formula is where a spreadsheet may begin to read one. Some take ; for a comma.
var formula = regexp.MustCompile(`(^|;)([\s"]*)([=+\-@＝＋－＠\t\r])`)

// cell keeps a spreadsheet from reading a text as a formula.
func cell(text string) string { return formula.ReplaceAllString(text, "$1'$2$3") }
