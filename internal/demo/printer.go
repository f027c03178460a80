package demo

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// width fits the terminals of people who never made theirs wider.
const width = 78

// The styles in use; a terminal's own palette decides how they look.
const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

// printer writes for a person. Errors of the terminal are of no use to anyone.
type printer struct {
	mu    sync.Mutex // the look-alike reports ends from its own goroutines
	w     io.Writer
	color bool
}

func (p *printer) write(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.w, text)
}

func (p *printer) style(style, text string) string {
	if !p.color {
		return text
	}
	return style + text + plain
}

// say prints one line.
func (p *printer) say(format string, args ...any) {
	p.write("  " + fmt.Sprintf(format, args...) + "\n")
}

// explain prints a sentence, wrapped.
func (p *printer) explain(format string, args ...any) { p.wrapped(fmt.Sprintf(format, args...), "  ") }

// line prints a line of the edge's log, wrapped, so that its beginning stands out.
func (p *printer) line(text string) { p.wrapped(text, "      ") }

// hanging prints a text behind a label, and its other lines below its beginning.
func (p *printer) hanging(label, text string) {
	p.paragraph(text, "  "+label, strings.Repeat(" ", 2+utf8.RuneCountInString(withoutColor(label))))
}

// wrapped prints text at once, as others print between words.
func (p *printer) wrapped(text, next string) { p.paragraph(text, "  ", next) }

func (p *printer) paragraph(text, indent, next string) {
	var all strings.Builder
	w := wrapper{p: &printer{w: &all}, indent: indent, next: next, limit: width}
	w.put(text)
	w.close()
	p.write(all.String())
}

// headline prints the title of a step.
func (p *printer) headline(format string, args ...any) {
	p.write("\n" + p.style(bold, fmt.Sprintf(format, args...)) + "\n\n")
}

// command prints lines that can be copied as they stand: without an indent,
// because the end of a here-document has none, and Python minds; and in bold,
// because they are what people look for.
func (p *printer) command(lines string) {
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		p.write(p.style(bold, line) + "\n")
	}
	p.write("\n")
}

// status prints a status line in the colour of its kind.
func (p *printer) status(code int) {
	style := green
	if code >= 400 {
		style = red
	}
	p.say("%s", p.style(style, fmt.Sprintf("%d %s", code, http.StatusText(code))))
}

// ended reports what the look-alike saw of an exchange while the demo serves.
func (p *printer) ended(e seenEnd) {
	line := fmt.Sprintf("%s look-alike: %d %s %s, %s", time.Now().Format("15:04:05.000"), e.Status, e.Method, pathOf(e.Target), e.credential)
	if e.Events > 0 {
		line += fmt.Sprintf(", %d events", e.Events)
	}
	if e.Left {
		line += ", the client left"
	}
	p.line(line)
}

// pathOf returns the path of a target as a terminal may get it. The query is left
// out: it can hold a key.
func pathOf(target string) string {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "?"
	}
	return u.EscapedPath()
}

// wrapper breaks text that arrives in pieces at spaces.
type wrapper struct {
	p      *printer
	indent string // of the first line
	next   string // of those after it
	limit  int    // of a line
	column int
	word   strings.Builder
}

// put takes the next piece. A word is held until its end is known; what stands
// before it is on the screen already.
func (w *wrapper) put(text string) {
	for _, r := range text {
		switch r {
		case ' ', '\n':
			w.flushWord()
			if r == '\n' {
				w.close()
			}
		default:
			w.word.WriteRune(r)
		}
	}
}

func (w *wrapper) flushWord() {
	word := w.word.String()
	if word == "" {
		return
	}
	w.word.Reset()
	length := utf8.RuneCountInString(withoutColor(word))
	switch {
	case w.column == 0:
		w.p.write(w.indent + word)
		w.column = utf8.RuneCountInString(withoutColor(w.indent)) + length
	case w.column+1+length > w.limit:
		w.p.write("\n" + w.next + word)
		w.column = len(w.next) + length
	default:
		w.p.write(" " + word)
		w.column += 1 + length
	}
}

// close ends the line.
func (w *wrapper) close() {
	w.flushWord()
	if w.column > 0 {
		w.p.write("\n")
	}
	w.column = 0
}
