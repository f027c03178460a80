package curl

import (
	"errors"
	"regexp"
	"strings"
)

// readCmd reads a text of cmd.exe. Two readers take it one after the other: cmd
// itself, to which ^ is the escape, and the program, which splits its line into
// words by quotes and backslashes. Browsers write ^" so that cmd sees no quotes.
func readCmd(text string, vars *variableSet) ([]Command, error) {
	vars.fold = true
	text = prompt.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "")
	lines, err := cmdLines(text, vars)
	if err != nil {
		return nil, err
	}
	var all []Command
	for _, line := range lines {
		words := argv(strings.TrimLeft(line, " \t@"))
		if len(words) == 0 || strings.EqualFold(words[0], "rem") || strings.HasPrefix(words[0], "::") {
			continue
		}
		at := curlAt(words)
		if at < 0 {
			noteBroken(all, words[0])
			continue
		}
		if err := checkQuotes(words); err != nil {
			return nil, err
		}
		all = append(all, Command{Words: words[at+1:]})
	}
	return all, nil
}

var (
	prompt = regexp.MustCompile(`(?m)^[A-Za-z]:\\[^>\n]*>`)
	// variableHere is cmdVariable at the very beginning.
	variableHere = regexp.MustCompile("^" + cmdVariable.String())
	setting      = regexp.MustCompile(`(?i)^@?set\s+"?([A-Za-z_]\w*)=([^"\n]*)"?\s*$`)
)

// cmdLines returns the commands of the text as the programs get them.
func cmdLines(text string, vars *variableSet) (lines []string, err error) {
	var b []byte // of the line so far
	quoted := false
	end := func() {
		line := string(b)
		b = b[:0]
		if m := setting.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			vars.put(m[1], m[2])
			return
		}
		lines = append(lines, line)
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '%' && variableHere.MatchString(text[i:]):
			m := variableHere.FindString(text[i:])
			b = append(b, vars.value(strings.Trim(m, "%"), m)...)
			i += len(m) - 1
		case c == '\n':
			if quoted { // cmd closes them at the end of a line
				return nil, errors.New("the text has a quote that is not closed in its line; check the quotes, or name its shell with --shell")
			}
			end()
		case c == '"':
			quoted = !quoted
			b = append(b, c)
		case quoted:
			b = append(b, c)
		case c == '^' && i+1 < len(text):
			if i++; text[i] == '\n' {
				if i++; i == len(text) {
					break
				}
				if text[i] != '\n' {
					i-- // what follows is read as it is
					break
				}
			}
			b = append(b, text[i])
		case c == '&' || c == '|':
			end()
		case c == '>' || c == '<':
			b = withoutHandle(b)
			i += redirection(text[i:]) - 1
		default:
			b = append(b, c)
		}
	}
	if quoted {
		return nil, errors.New("the text ends inside quotes; check the quotes, or name its shell with --shell")
	}
	end()
	return lines, nil
}

// withoutHandle takes the 2 of 2>nul off a line.
func withoutHandle(line []byte) []byte {
	n := len(line)
	if n > 0 && line[n-1] >= '0' && line[n-1] <= '9' && (n == 1 || line[n-2] == ' ' || line[n-2] == '\t') {
		return line[:n-1]
	}
	return line
}

// redirection returns the length of a redirection with the name behind it.
func redirection(text string) int {
	n := len(text) - len(strings.TrimLeft(text, "<>&0123456789"))
	n += len(text[n:]) - len(strings.TrimLeft(text[n:], " \t"))
	if i := strings.IndexAny(text[n:], " \t\n|&"); i >= 0 {
		return n + i
	}
	return len(text)
}

// argv splits a line into words as C programs on Windows do: backslashes count only
// in front of a quote, and two quotes inside quotes are one.
func argv(line string) (words []string) {
	var b strings.Builder
	quoted, some := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case (c == ' ' || c == '\t') && !quoted:
			if some {
				words = append(words, b.String())
			}
			b.Reset()
			some = false
		case c == '\\':
			n := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
			some = true
			if i += n; i == len(line) || line[i] != '"' {
				b.WriteString(strings.Repeat(`\`, n))
				i--
				break
			}
			b.WriteString(strings.Repeat(`\`, n/2))
			if n%2 == 1 {
				b.WriteByte('"')
				break
			}
			i--
		case c == '"':
			some = true
			if quoted && i+1 < len(line) && line[i+1] == '"' {
				b.WriteByte(c)
				i++
				break
			}
			quoted = !quoted
		default:
			some = true
			b.WriteByte(c)
		}
	}
	if some {
		words = append(words, b.String())
	}
	return words
}
