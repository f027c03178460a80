//go:build e2e

package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"golang.org/x/tools/txtar"
)

// seen is what a story has shown, for whoever rewrites what it wants.
type seen struct {
	responses [][]*received // by client
	requests  []*arrived
	access    []map[string]any
	names     []string // the placeholders and what they stood for
}

// rewrite returns the text of a story with the lines of its wants that differ from
// what was seen replaced by it. Lines that hold stay as they are, and so do
// comments, the order, and all that the two sides send.
func (s *seen) rewrite(text []byte) []byte {
	archive := txtar.Parse(text)
	w := &rewriter{seen: s}
	has, next := map[string]bool{}, 0
	for _, f := range archive.Files {
		name, number := sectionOf(f.Name)
		has[fmt.Sprint(name, number)] = true
		if name == "client.send" {
			w.sent += string(f.Data)
		}
	}
	for i := range archive.Files {
		f := &archive.Files[i]
		lines := slices.Collect(strings.Lines(string(f.Data)))
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], "\n")
		}
		switch name, number := sectionOf(f.Name); {
		case name == "log.want":
			lines = w.log(lines)
		case name == "client.want" && number <= len(s.responses):
			lines = w.client(lines, s.responses[number-1])
		case name == "upstream.want":
			lines, next = w.upstream(lines, next)
		default:
			continue
		}
		if f.Data = nil; len(lines) > 0 {
			f.Data = []byte(strings.Join(lines, "\n") + "\n")
		}
	}
	for ; next < len(s.requests) && !has[fmt.Sprint("upstream.want", next+1)]; next++ {
		text := strings.Join(w.describeRequest(s.requests[next]), "\n") + "\n"
		archive.Files = append(archive.Files, txtar.File{Name: fmt.Sprintf("upstream.want %d", next+1), Data: []byte(text)})
	}
	return txtar.Format(archive)
}

func sectionOf(name string) (kind string, number int) {
	match := sectionName.FindStringSubmatch(name)
	if match == nil {
		return name, 0
	}
	number, _ = strconv.Atoi(cmp.Or(match[3], "1"))
	return match[1], number
}

type rewriter struct {
	*seen
	sent string // by the clients
}

// asMeant turns the words of a story into what they stood for, asWritten does the
// opposite, the longest first.
func (w *rewriter) asMeant(text string) string { return strings.NewReplacer(w.names...).Replace(text) }

func (w *rewriter) asWritten(text string) string {
	var pairs [][2]string
	for pair := range slices.Chunk(w.names, 2) {
		pairs = append(pairs, [2]string{pair[1], pair[0]})
	}
	slices.SortStableFunc(pairs, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	for _, p := range pairs {
		text = strings.ReplaceAll(text, p[0], p[1])
	}
	return text
}

// changing are the fields, and the keys of the log, that are new in each run. One
// that a client has sent is its own.
var changing = []string{"x-request-id", "request_id", "date", "time", "head", "total", "connect", "client"}

// value is what a story says of a value that was seen.
func (w *rewriter) value(name, value string) string {
	written := w.asWritten(value)
	switch {
	case slices.Contains(changing, strings.ToLower(name)) && !strings.Contains(w.sent, written):
		return "*"
	case written == "" || written == "*" || written != strings.TrimSpace(written) || strings.ContainsAny(written[:1], "~="):
		return "=" + strconv.Quote(written)
	}
	return written
}

func (w *rewriter) quoted(data []byte) string { return strconv.Quote(w.asWritten(string(data))) }

// client rewrites the responses on one connection.
func (w *rewriter) client(lines []string, all []*received) (out []string) {
	blocks := splitLines(lines, "then")
	if slices.Contains(lines, "nothing") {
		if len(all) == 0 {
			return lines
		}
		blocks = nil
	}
	for i, r := range all {
		if i > 0 {
			out = append(out, "then")
		}
		block := []string{"status 0", "framing none", `body ""`}
		if i < len(blocks) {
			block = blocks[i]
		}
		out = append(out, w.block(block, r.Message, func(line string) ([]string, bool) { return w.responseLine(line, r) })...)
		if !r.Complete && !slices.Contains(out, "incomplete") {
			out = append(out, "incomplete")
		}
	}
	if len(all) == 0 {
		return []string{"nothing"}
	}
	return out
}

// responseLine rewrites a line that only a response can have.
func (w *rewriter) responseLine(line string, r *received) (instead []string, known bool) {
	check, err := responseLine(w.asMeant(line))
	if err != nil || check == nil {
		return nil, false
	}
	if check(r) == nil {
		return []string{line}, true
	}
	switch verb, _, _ := strings.Cut(line, " "); verb {
	case "status", "error":
		if code := one(r, "x-apim-edge-error"); code != "" {
			return []string{"error " + code}, true
		}
		return []string{fmt.Sprintf("status %d", r.Status())}, true
	case "interim", "no-interim":
		for _, m := range r.interims {
			instead = append(instead, fmt.Sprintf("interim %d", m.Status()))
		}
	case "complete":
		return []string{"incomplete"}, true
	case "closed", "reset", "cut":
		if r.end != raw.Open {
			return []string{string(r.end)}, true
		}
	}
	return instead, true
}

// upstream rewrites a section about the request number next, or about several.
// Those that it wants and that have not come are part of the play, and stay.
func (w *rewriter) upstream(lines []string, next int) (_ []string, after int) {
	if next >= len(w.requests) {
		return lines, next
	}
	if slices.Contains(lines, "never") || slices.Contains(lines, "unasked") {
		return w.describeRequest(w.requests[next]), next + 1
	}
	count, _, err := parseUpstreamWant(w.asMeant(strings.Join(lines, "\n")))
	if err != nil {
		return lines, next
	}
	a := w.requests[next]
	out := w.block(lines, a.Message, func(line string) ([]string, bool) { return w.requestLine(line, a) })
	if !a.Complete && !slices.Contains(out, "incomplete") {
		out = append(out, "incomplete")
	}
	return out, next + count
}

func (w *rewriter) describeRequest(a *arrived) []string {
	start := w.asWritten(strings.TrimSuffix(a.Start, " HTTP/1.1"))
	return []string{start, "framing " + string(a.Framing), "body " + w.quoted(a.Body)}
}

// requestLine rewrites a line that only a request can have.
func (w *rewriter) requestLine(line string, a *arrived) (instead []string, known bool) {
	if strings.HasPrefix(line, "count ") {
		return []string{line}, true
	}
	check, err := requestLine(w.asMeant(line))
	if err != nil || check == nil {
		return nil, false
	}
	if check(a) == nil {
		return []string{line}, true
	}
	switch verb, _, _ := strings.Cut(line, " "); verb {
	case "connection":
		return []string{fmt.Sprintf("connection %d", a.conn)}, true
	case "tunnel":
		return []string{"tunnel " + w.quoted(a.tunnel)}, true
	case "incomplete", "left":
		return nil, true
	}
	return w.describeRequest(a)[:1], true
}

// block rewrites the lines about one message. special knows those that only one
// kind of message can have.
func (w *rewriter) block(lines []string, m *Message, special func(string) ([]string, bool)) (out []string) {
	told := map[string]bool{}
	for _, line := range lines {
		if contentLines(line) == nil {
			out = append(out, line)
			continue
		}
		if instead, known := special(line); known {
			out = append(out, instead...)
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch {
		case verb == "trailer" || verb == "!trailer":
			out = append(out, w.field("trailer ", strings.TrimSuffix(verb, "trailer")+rest, lines, m.Trailers, told)...)
		case verb == "body" || verb == "framing" || verb == "order":
			out = append(out, w.shared(line, m))
		default:
			out = append(out, w.field("", line, lines, m.Fields, told)...)
		}
	}
	return out
}

// field rewrites the lines about one name, all of them at the first; told has the
// names that have been.
func (w *rewriter) field(prefix, line string, lines []string, fields []Field, told map[string]bool) (out []string) {
	spelled, _, _ := strings.Cut(strings.TrimPrefix(line, "!"), ":")
	name := strings.ToLower(spelled)
	got := valuesOf(fields, name)
	if slices.EqualFunc(w.fieldWants(lines, prefix)[name], got, matches) {
		if strings.HasPrefix(line, "!") {
			return []string{"!" + prefix + spelled}
		}
		return []string{prefix + line}
	}
	if told[prefix+name] {
		return nil
	}
	told[prefix+name] = true
	if len(got) == 0 {
		return []string{"!" + prefix + spelled}
	}
	for _, value := range got {
		out = append(out, prefix+spelled+": "+w.value(name, value))
	}
	return out
}

// fieldWants collects what the lines want of the fields, or of the trailers.
func (w *rewriter) fieldWants(lines []string, prefix string) fieldWants {
	wants := fieldWants{}
	for _, line := range contentLines(strings.Join(lines, "\n")) {
		verb, rest, _ := strings.Cut(line, " ")
		isTrailer := strings.TrimPrefix(verb, "!") == "trailer"
		switch {
		case isTrailer && prefix != "":
			wants.add(strings.TrimSuffix(verb, "trailer") + w.asMeant(rest))
		case !isTrailer && prefix == "" && (strings.HasPrefix(line, "!") || strings.Contains(line, ":")):
			wants.add(w.asMeant(line))
		}
	}
	return wants
}

// shared rewrites what both kinds of message can have besides fields.
func (w *rewriter) shared(line string, m *Message) string {
	checks, err := messageChecks([]string{w.asMeant(line)})
	if err != nil || checks[0](m) == nil {
		return line
	}
	switch verb, rest, _ := strings.Cut(line, " "); verb {
	case "framing":
		return "framing " + string(m.Framing)
	case "order":
		var got []string
		for _, f := range m.Fields {
			if slices.ContainsFunc(strings.Fields(rest), func(n string) bool { return strings.EqualFold(n, f.Name) }) {
				got = append(got, f.Name)
			}
		}
		return "order " + strings.Join(got, " ")
	}
	if n := len(m.Body); n > 1 && strings.HasPrefix(line, "body bytes ") && strings.Trim(string(m.Body), string(m.Body[:1])) == "" {
		return fmt.Sprintf("body bytes %d %c", n, m.Body[0])
	}
	return "body " + w.quoted(m.Body)
}

// log rewrites the access lines.
func (w *rewriter) log(lines []string) (out []string) {
	i := 0
	for _, line := range lines {
		if contentLines(line) == nil {
			out = append(out, line)
			continue
		}
		if i >= len(w.access) {
			continue // there is no such line
		}
		if len(w.responses) > 1 {
			bringForward(w.asMeant(line), w.access[i:])
		}
		out = append(out, w.logLine(line, w.access[i]))
		i++
	}
	for ; i < len(w.access); i++ {
		out = append(out, w.logLine("status=0 cause=none", w.access[i]))
	}
	return out
}

func (w *rewriter) logLine(line string, got map[string]any) string {
	if len(checkLogLine(w.asMeant(line), got)) == 0 {
		return line
	}
	var pairs []string
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		var pair string
		pair, rest = cutPair(rest)
		key, _, _ := strings.Cut(strings.TrimPrefix(pair, "!"), "=")
		if len(checkLogLine(w.asMeant(pair), got)) > 0 {
			pair = "!" + key
			if value := text(got[key]); value != "" {
				if value = w.value(key, value); strings.ContainsAny(value, " \"") {
					value = strconv.Quote(value)
				}
				pair = key + "=" + value
			}
		}
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, " ")
}
