package page

import (
	"embed"
	"encoding/json"
	"html/template"
	"io"
)

//go:embed files
var files embed.FS

var templates = template.Must(template.ParseFS(files, "files/*.html"))

// Write writes the page. What an error leaves of it is no page.
func (p *Page) Write(w io.Writer, viewer Viewer) error {
	return templates.ExecuteTemplate(w, "page.html", p.view(viewer))
}

// WriteLogin writes the form that asks for the token; wrong says why it is asked again.
func WriteLogin(w io.Writer, wrong string) error {
	return templates.ExecuteTemplate(w, "login.html", wrong)
}

// WriteLive writes the numbers of the moment, for the script.
func (p *Page) WriteLive(w io.Writer) error {
	now := p.o.Now()
	all := map[string]string{"ready": "yes", "at": now.UTC().Format("15:04:05 UTC")}
	if p.causes() != nil {
		all["ready"] = "no"
	}
	for _, f := range p.figures(scrapeOf(p.o.Metrics), now) {
		all[f.ID] = f.Value
	}
	return json.NewEncoder(w).Encode(all)
}

// File returns a file that the page asks for, and its type.
func File(name string) (content []byte, kind string, ok bool) {
	kind, ok = map[string]string{
		"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	}[name]
	if !ok {
		return nil, "", false
	}
	content, err := files.ReadFile("files/" + name)
	return content, kind, err == nil
}
