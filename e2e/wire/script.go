//go:build e2e

package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// step is one thing that a side of the wire does: send bytes, or a directive.
type step struct {
	verb string
	data []byte
	n    int
}

// withNumber are the directives that take a number.
var withNumber = map[string]bool{
	"expect": true, "got": true, "after client": true, "after request": true, "after upstream": true,
}

// plain are the directives that stand alone.
var plain = map[string]bool{
	"pause": true, "response": true, "head": true, "early": true, "request": true, "left": true, "hang": true, "flush": true,
	"close": true, "reset": true, "half-close": true, "cut": true, "close-notify": true,
}

// parseScript reads what one side sends. Bytes between two directives go out
// in one write.
func parseScript(text string, raw bool) ([]step, error) {
	var steps []step
	var pending bytes.Buffer
	flush := func() {
		if pending.Len() > 0 {
			steps = append(steps, step{verb: "send", data: bytes.Clone(pending.Bytes())})
			pending.Reset()
		}
	}
	// A head ends with an empty line, which is sent. The end of a last line of
	// any other kind belongs to the file and is not.
	if !strings.HasSuffix(text, "\n\n") {
		text = strings.TrimSuffix(text, "\n")
	}
	for line := range strings.Lines(text) {
		content := strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(content, "<") && strings.HasSuffix(content, ">") {
			s, data, err := parseDirective(content[1 : len(content)-1])
			if err != nil {
				return nil, err
			}
			pending.Write(data)
			if s.verb != "" {
				flush()
				steps = append(steps, s)
			}
			continue
		}
		data, err := parseBytes(line, raw)
		if err != nil {
			return nil, err
		}
		pending.Write(data)
	}
	flush()
	return steps, nil
}

// Spell returns what a script says, as bytes, and how it ends its connection: close,
// reset, cut or nothing. ok is false if it listens to somebody else first, or ends in
// the middle. Where in time the parts are said is left out.
func Spell(text string, raw bool) (said []byte, ending string, ok bool, err error) {
	steps, err := parseScript(text, raw)
	for _, s := range steps {
		switch s.verb {
		case "send":
			said = append(said, s.data...)
		case "close", "reset", "cut":
			ending = s.verb
		case "half-close", "close-notify", "after client", "after request", "after upstream":
			return nil, "", false, err
		}
	}
	return said, ending, len(said) > 0, err
}

// parseBytes returns what a line sends: a quoted one its content and no line
// end, a raw one what its escapes say, any other itself with CRLF.
func parseBytes(line string, raw bool) ([]byte, error) {
	content := strings.TrimSuffix(line, "\n")
	if len(content) > 1 && content[0] == '"' && content[len(content)-1] == '"' {
		text, err := strconv.Unquote(content)
		if err != nil {
			return nil, fmt.Errorf("%s is not a quoted string", content)
		}
		return []byte(text), nil
	}
	if !raw {
		return []byte(strings.ReplaceAll(line, "\n", "\r\n")), nil
	}
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(content, `"`, `\"`) + `"`)
	if err != nil {
		return nil, fmt.Errorf("%q has an unknown escape", content)
	}
	return []byte(text), nil
}

// parseDirective returns a step, or bytes for the directives that only spare
// the author some counting.
func parseDirective(text string) (step, []byte, error) {
	switch verb, rest, _ := strings.Cut(text, " "); {
	case plain[text]:
		return step{verb: text}, nil, nil
	case text == "last-chunk":
		return step{}, []byte("0\r\n\r\n"), nil
	case verb == "chunk":
		data, err := strconv.Unquote(rest)
		if err != nil {
			return step{}, nil, fmt.Errorf("<%s>: want a quoted string", text)
		}
		return step{}, fmt.Appendf(nil, "%x\r\n%s\r\n", len(data), data), nil
	case verb == "bytes":
		data, err := parseFiller(rest)
		return step{}, data, err
	}
	i := strings.LastIndexByte(text, ' ')
	if i < 0 || !withNumber[text[:i]] {
		return step{}, nil, fmt.Errorf("<%s>: no such directive", text)
	}
	n, err := strconv.Atoi(text[i+1:])
	if err != nil {
		return step{}, nil, fmt.Errorf("<%s>: want a number", text)
	}
	return step{verb: text[:i], n: n}, nil, nil
}

// parseFiller reads "N c": N times the character c.
func parseFiller(text string) ([]byte, error) {
	number, char, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	if err != nil || len(char) != 1 {
		return nil, fmt.Errorf("%q: want a number and a character", text)
	}
	return bytes.Repeat([]byte(char), n), nil
}
