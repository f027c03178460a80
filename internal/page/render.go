package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"io"
)

//go:embed files
var files embed.FS

var templates = template.Must(template.ParseFS(files, "files/*.html"))

// Write writes the page.
func (p *Page) Write(w io.Writer, viewer Viewer) error {
	return render(w, "page.html", p.view(viewer))
}

// WriteLogin writes the form that asks for the token; wrong says why it is asked again.
func WriteLogin(w io.Writer, wrong string) error { return render(w, "login.html", wrong) }

// render writes nothing unless all could be made.
func render(w io.Writer, name string, data any) error {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		return err
	}
	_, err := out.WriteTo(w)
	return err
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
