//go:build e2e

package wire

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// received is one final response as the client saw it.
type received struct {
	*Message
	interims []*Message
	method   string  // of the request
	end      raw.End // of the connection, after this response; Open before that
}

// arrived is one request as the upstream saw it.
type arrived struct {
	*Message
	conn   int    // number of the connection, from 1
	tunnel []byte // bytes after a request that was answered with 101
	end    raw.End
}

type (
	responseCheck func(*received) error
	requestCheck  func(*arrived) error
)

// responseWant is what one response must be.
type responseWant struct {
	checks  []responseCheck
	endings bool // it speaks of the end of the connection
}

// parseClientWant reads a client.want section: the responses on one
// connection, with `then` between them. `nothing` means that none comes.
func parseClientWant(text string) ([]responseWant, error) {
	lines := contentLines(text)
	if len(lines) == 0 {
		return nil, fmt.Errorf("the section is empty; write nothing if no response comes")
	}
	if lines[0] == "nothing" {
		if len(lines) > 1 {
			return nil, fmt.Errorf("nothing stands alone")
		}
		return nil, nil
	}
	var wants []responseWant
	for _, block := range splitLines(lines, "then") {
		want, err := parseResponseWant(block)
		if err != nil {
			return nil, err
		}
		wants = append(wants, want)
	}
	return wants, nil
}

func splitLines(lines []string, separator string) (blocks [][]string) {
	for {
		i := slices.Index(lines, separator)
		if i < 0 {
			return append(blocks, lines)
		}
		blocks = append(blocks, lines[:i])
		lines = lines[i+1:]
	}
}

func parseResponseWant(lines []string) (responseWant, error) {
	var want responseWant
	mayBeCut := false
	for _, line := range lines {
		if _, ok := endings[line]; ok {
			want.endings = true
		}
		mayBeCut = mayBeCut || line == "incomplete"
		check, err := responseLine(line)
		if err != nil {
			return want, err
		}
		if check != nil {
			want.checks = append(want.checks, check)
		}
	}
	if !mayBeCut {
		want.checks = append(want.checks, isComplete)
	}
	if shared, err := messageChecks(lines); err != nil {
		return want, err
	} else {
		for _, check := range shared {
			want.checks = append(want.checks, func(r *received) error { return check(r.Message) })
		}
	}
	return want, nil
}

func isComplete(r *received) error {
	if !r.Complete {
		return fmt.Errorf("want the response complete, got it without its end")
	}
	return nil
}

// endings are the lines about the end of the connection. incomplete is met by
// any end before the end of the message.
var endings = map[string]raw.End{"incomplete": raw.Open, "closed": raw.Closed, "reset": raw.Reset, "cut": raw.Cut}

// responseLine reads the lines that only a response can have. It returns nil
// for those that messageChecks reads.
func responseLine(line string) (responseCheck, error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "status":
		status, err := strconv.Atoi(rest)
		return func(r *received) error { return wantEqual("status", status, r.Status()) }, err
	case "error":
		return errorCheck(rest)
	case "interim":
		status, err := strconv.Atoi(rest)
		return func(r *received) error { return r.hasInterim(status) }, err
	case "no-interim":
		return func(r *received) error { return wantEqual("interim responses", 0, len(r.interims)) }, nil
	case "complete":
		return isComplete, nil
	case "incomplete":
		return func(r *received) error {
			if r.Complete || r.end == raw.Open {
				return fmt.Errorf("want the response without its end, got it complete")
			}
			return nil
		}, nil
	case "closed", "reset", "cut":
		return func(r *received) error { return wantEqual("end of the connection", endings[verb], r.end) }, nil
	}
	return nil, nil
}

func (r *received) hasInterim(status int) error {
	for _, m := range r.interims {
		if m.Status() == status {
			return nil
		}
	}
	return fmt.Errorf("want an interim response %d, got %d interim responses", status, len(r.interims))
}

var requestLineRe = regexp.MustCompile(`^[A-Z]+ [^ ]+( HTTP/1\.[01])?$`)

// parseUpstreamWant reads what a request must be; count is how many in a row.
func parseUpstreamWant(text string) (count int, checks []requestCheck, err error) {
	count = 1
	lines := contentLines(text)
	mayBeCut := false
	for _, line := range lines {
		if number, ok := strings.CutPrefix(line, "count "); ok {
			if count, err = strconv.Atoi(number); err != nil || count < 1 {
				return 0, nil, fmt.Errorf("%q: want a number", line)
			}
			continue
		}
		mayBeCut = mayBeCut || line == "incomplete"
		check, err := requestLine(line)
		if err != nil {
			return 0, nil, err
		}
		if check != nil {
			checks = append(checks, check)
		}
	}
	if !mayBeCut {
		checks = append(checks, func(a *arrived) error { return wantEqual("request complete", true, a.Complete) })
	}
	shared, err := messageChecks(lines)
	for _, check := range shared {
		checks = append(checks, func(a *arrived) error { return check(a.Message) })
	}
	return count, checks, err
}

func requestLine(line string) (requestCheck, error) {
	if requestLineRe.MatchString(line) && !strings.HasPrefix(line, "order ") {
		if !strings.Contains(line, " HTTP/") {
			line += " HTTP/1.1"
		}
		return func(a *arrived) error { return wantEqual("request line", line, a.Start) }, nil
	}
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "connection":
		n, err := strconv.Atoi(rest)
		return func(a *arrived) error { return wantEqual("connection", n, a.conn) }, err
	case "tunnel":
		data, err := strconv.Unquote(rest)
		return func(a *arrived) error { return wantEqual("tunnel", data, string(a.tunnel)) }, err
	case "incomplete":
		return func(a *arrived) error { return wantEqual("request complete", false, a.Complete) }, nil
	case "left":
		return func(a *arrived) error {
			if a.end == raw.Open || a.end == raw.Local {
				return fmt.Errorf("want the edge to close the connection, got it %s", a.end)
			}
			return nil
		}, nil
	}
	return nil, nil
}

// messageChecks reads the lines that both kinds of message can have, and
// refuses lines that nobody knows.
func messageChecks(lines []string) (checks []func(*Message) error, err error) {
	fields, trailers := fieldWants{}, fieldWants{}
	for _, line := range lines {
		verb, rest, _ := strings.Cut(line, " ")
		name, value, isField := strings.Cut(line, ":")
		switch {
		case verb == "trailer" || verb == "!trailer":
			trailers.add(strings.TrimSuffix(verb, "trailer") + rest)
		case strings.HasPrefix(line, "!") && token.MatchString(line[1:]):
			fields.add(line)
		case isField && token.MatchString(name) && (value == "" || value[0] == ' '):
			fields.add(line)
		case verb == "body":
			check, err := bodyCheck(rest)
			if err != nil {
				return nil, err
			}
			checks = append(checks, check)
		case verb == "framing":
			checks = append(checks, func(m *Message) error { return wantEqual("framing", Framing(rest), m.Framing) })
		case verb == "order":
			checks = append(checks, orderCheck(strings.Fields(rest)))
		case !knownLine(line):
			return nil, fmt.Errorf("%q is no expectation that the runner knows", line)
		}
	}
	checks = append(checks, func(m *Message) error { return fields.check("field", m.Fields) })
	return append(checks, func(m *Message) error { return trailers.check("trailer", m.Trailers) }), nil
}

func knownLine(line string) bool {
	if response, err := responseLine(line); response != nil || err != nil {
		return true
	}
	request, err := requestLine(line)
	return request != nil || err != nil || strings.HasPrefix(line, "count ")
}

// fieldWants is the wanted values by name in lower case; an empty list wants
// the field absent.
type fieldWants map[string][]string

func (w fieldWants) add(line string) {
	if absent, ok := strings.CutPrefix(line, "!"); ok {
		w[strings.ToLower(absent)] = []string{}
		return
	}
	name, value, _ := strings.Cut(line, ":")
	name = strings.ToLower(name)
	w[name] = append(w[name], strings.TrimSpace(value))
}

func (w fieldWants) check(what string, fields []Field) error {
	var faults []string
	for name, want := range w {
		got := valuesOf(fields, name)
		if !slices.EqualFunc(want, got, matches) {
			faults = append(faults, fmt.Sprintf("%s %s: want %q, got %q", what, name, want, got))
		}
	}
	if faults == nil {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("%s", strings.Join(faults, "\n"))
}

// matches compares a value: * is any, ~ begins a regular expression, = a quoted
// string with escapes.
func matches(want, got string) bool {
	if quoted, ok := strings.CutPrefix(want, "="); ok {
		text, err := strconv.Unquote(quoted)
		return err == nil && text == got
	}
	if expression, ok := strings.CutPrefix(want, "~"); ok {
		return regexp.MustCompile(expression).MatchString(got)
	}
	return want == "*" || want == got
}

// bodyCheck reads `body "text"`, `body contains "text"` and `body bytes N c`.
func bodyCheck(text string) (func(*Message) error, error) {
	if filler, ok := strings.CutPrefix(text, "bytes "); ok {
		want, err := parseFiller(filler)
		return func(m *Message) error {
			if !bytes.Equal(want, m.Body) {
				return fmt.Errorf("body: want %s, got %d bytes that differ from it", text, len(m.Body))
			}
			return nil
		}, err
	}
	if part, ok := strings.CutPrefix(text, "contains "); ok {
		want, err := strconv.Unquote(part)
		return func(m *Message) error {
			if !bytes.Contains(m.Body, []byte(want)) {
				return fmt.Errorf("body: want %q in it, got %q", want, m.Body)
			}
			return nil
		}, err
	}
	want, err := strconv.Unquote(text)
	if err != nil {
		return nil, fmt.Errorf("body %s: want a quoted string", text)
	}
	return func(m *Message) error { return wantEqual("body", want, string(m.Body)) }, nil
}

// orderCheck wants the named fields, spelled like this, in this order, each as
// often as it is named, whatever stands between them.
func orderCheck(names []string) func(*Message) error {
	return func(m *Message) error {
		var got []string
		for _, f := range m.Fields {
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, f.Name) }) {
				got = append(got, f.Name)
			}
		}
		return wantEqual("order of the fields", strings.Join(names, " "), strings.Join(got, " "))
	}
}

func wantEqual[T comparable](what string, want, got T) error {
	if want == got {
		return nil
	}
	return fmt.Errorf("%s: want %#v, got %#v", what, want, got)
}
