package demo

import (
	"fmt"
	"io"
	"net/http"
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
	faint = "\x1b[2m"
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
func (p *printer) explain(format string, args ...any) {
	w := wrapper{p: p, indent: "  "}
	w.put(fmt.Sprintf(format, args...))
	w.close()
}

// headline prints the title of a step.
func (p *printer) headline(format string, args ...any) {
	p.write("\n" + p.style(bold, fmt.Sprintf(format, args...)) + "\n\n")
}

// command prints lines that can be copied as they stand: without an indent,
// because the end of a here-document has none, and Python minds.
func (p *printer) command(lines string) {
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		p.write(p.style(faint, line) + "\n")
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

// ended reports an exchange while the demo serves.
func (p *printer) ended(e seenEnd) {
	line := fmt.Sprintf("%s  %s %s  %d  %s", time.Now().Format("15:04:05"), e.Method, e.Target, e.Status, e.credential)
	if e.Events > 0 {
		line += fmt.Sprintf("  %d events", e.Events)
	}
	if e.Left {
		line += "  the client left, and upstream was told"
	}
	p.write("  " + p.style(faint, line) + "\n")
}

// wrapper breaks text that arrives in pieces at spaces.
type wrapper struct {
	p      *printer
	indent string
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
	length := utf8.RuneCountInString(word)
	switch {
	case w.column == 0:
		w.p.write(w.indent + word)
		w.column = len(w.indent) + length
	case w.column+1+length > width:
		w.p.write("\n" + w.indent + word)
		w.column = len(w.indent) + length
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
