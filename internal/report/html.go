package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html.tmpl
var pageText string

//go:embed page.css
var pageStyle string

// The page stands alone: no script, no picture, nothing from elsewhere. That its style may
// be used is said by its hash.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"verdict": func(v Verdict) string { return verdictText[v] },
	"failed":  func(c Caller) string { return c.failures() },
	"counted": Counted,
	"date":    date,
	"list":    func(texts []string) string { return strings.Join(texts, ", ") },
}).Parse(pageText))

// Policy is the Content-Security-Policy that fits the page.
var Policy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

func (r *Report) html(w io.Writer) error {
	return pageTemplate.Execute(w, struct {
		*Report
		Parts  []Part
		Style  template.CSS
		Policy string
	}{r, r.parts(), template.CSS(pageStyle), Policy}) //nolint:gosec // it is the file beside this one
}
