package curl

import (
	"errors"
	"regexp"
	"strings"
)

// powerShell reads a text of PowerShell: curl.exe with its quotes, continuations
// and variables, and plain assignments before it.
type powerShell struct {
	text     string
	at       int
	vars     *variableSet
	word     strings.Builder
	some     bool // there is a word, empty though it may be
	words    []string
	commands []Command
}

var powerShellPrompt = regexp.MustCompile(`(?m)^PS [A-Z]:[^>\n]*> ?`)

func readPowerShell(text string, vars *variableSet) ([]Command, error) {
	vars.fold = true
	text = powerShellPrompt.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "")
	p := &powerShell{text: text + "\n", vars: vars}
	for p.at < len(p.text) {
		if err := p.step(); err != nil {
			return nil, err
		}
	}
	return p.commands, nil
}

var errOpenQuote = errors.New("the text ends inside quotes; check the quotes, or name its shell with --shell")

// step takes the next piece of the text.
func (p *powerShell) step() error {
	rest := p.text[p.at:]
	c := rest[0]
	switch {
	case c == '`' && len(rest) > 1:
		p.at += 2
		if rest[1] != '\n' {
			p.add(backtick(rest[1]))
		}
	case strings.HasPrefix(rest, "@'\n"), strings.HasPrefix(rest, "@\"\n"):
		return p.hereString(rest)
	case openingQuote(rest) > 0:
		return p.quoted(rest)
	case c == '$':
		p.variable(rest)
	case c == '#' && !p.some:
		p.at += strings.IndexByte(rest, '\n')
	case c == ' ' || c == '\t':
		p.at++
		p.endWord()
	case c == '\n' || c == ';' || c == '|':
		p.at++
		return p.endCommand()
	case c == '&' && p.some || strings.HasPrefix(rest, "&&"):
		p.at += 1 + strings.IndexFunc(rest[1:]+" ", func(r rune) bool { return r != '&' })
		return p.endCommand()
	case c == '>':
		if w := p.word.String(); len(w) == 1 && strings.Contains("*123456", w) { // the 2 of 2>$null
			p.word.Reset()
			p.some = false
		}
		p.at += redirection(rest)
	case c == '@' && !p.some && p.inCurl():
		return errors.New("PowerShell takes a word that begins with @ for a list of its own; put it in quotes: '@body.json'")
	default:
		p.at++
		p.add(string(c))
	}
	return nil
}

func (p *powerShell) add(text string) {
	p.some = true
	p.word.WriteString(text)
}

func (p *powerShell) endWord() {
	if p.some {
		p.words = append(p.words, p.word.String())
	}
	p.word.Reset()
	p.some = false
}

func (p *powerShell) inCurl() bool { return curlAt(p.words) >= 0 }

// endCommand takes the words so far as a command, or as $name = 'text'.
func (p *powerShell) endCommand() error {
	p.endWord()
	words := p.words
	p.words = nil
	if len(words) > 2 && words[1] == "=" && strings.HasPrefix(words[0], mark+"$") {
		name := strings.TrimPrefix(strings.Trim(words[0], mark), "$")
		if len(words) == 3 {
			p.vars.put(name, words[2])
		}
		words = words[2:]
	}
	at := curlAt(words)
	if at < 0 {
		if len(words) > 0 {
			noteBroken(p.commands, words[0])
		}
		return nil
	}
	for _, w := range words[at+1:] {
		if w == "--%" {
			return errors.New("curl: --% is not understood here; write the line without")
		}
	}
	c := Command{Words: words[at+1:]}
	if words[at] == "curl" {
		c.Notes = append(c.Notes, "in Windows PowerShell curl is another command; write curl.exe")
	}
	p.commands = append(p.commands, c)
	return nil
}

// openingQuote returns the length of the quote that text begins with. PowerShell
// takes typographic ones as well.
func openingQuote(text string) int {
	for _, q := range []string{"'", `"`, "\u2018", "\u2019", "\u201c", "\u201d"} {
		if strings.HasPrefix(text, q) {
			return len(q)
		}
	}
	return 0
}

func isDouble(quote string) bool { return quote == `"` || quote == "\u201c" || quote == "\u201d" }

func (p *powerShell) quoted(rest string) error {
	p.some = true
	n := openingQuote(rest)
	double := isDouble(rest[:n])
	for p.at += n; p.at < len(p.text); {
		rest = p.text[p.at:]
		n := openingQuote(rest)
		switch {
		case n > 0 && isDouble(rest[:n]) == double:
			p.at += n
			second := openingQuote(rest[n:])
			if second == 0 || isDouble(rest[n:n+second]) != double {
				return nil
			}
			p.at += second
			p.add(rest[:n])
		case double && rest[0] == '`' && len(rest) > 1:
			p.at += 2
			p.add(backtick(rest[1]))
		case double && rest[0] == '$':
			p.variable(rest)
		default:
			p.at++
			p.add(rest[:1])
		}
	}
	return errOpenQuote
}

// hereString takes @' or @" up to a line that begins with the same backwards.
func (p *powerShell) hereString(rest string) error {
	end := strings.Index(rest[2:], "\n"+rest[1:2]+"@")
	if end < 0 {
		return errOpenQuote
	}
	text := strings.TrimPrefix(rest[2:2+end], "\n")
	p.at += 2 + end + 3
	if rest[1] == '\'' {
		p.add(text)
		return nil
	}
	inner := &powerShell{text: text, vars: p.vars}
	for inner.at < len(text) {
		switch c := text[inner.at]; {
		case c == '$':
			inner.variable(text[inner.at:])
		case c == '`' && inner.at+1 < len(text):
			inner.add(backtick(text[inner.at+1]))
			inner.at += 2
		default:
			inner.add(string(c))
			inner.at++
		}
	}
	p.add(inner.word.String())
	return nil
}

func backtick(c byte) string {
	if i := strings.IndexByte("nrt", c); i >= 0 {
		return "\n\r\t"[i : i+1]
	}
	if c == '0' {
		return ""
	}
	return string(c)
}

var powerShellName = regexp.MustCompile(`^\$(\{[\w:]+\}|(?:env:)?[A-Za-z_]\w*)`)

// variable takes $name, ${name}, $env:NAME or $(...). The name of one that is being
// set stays.
func (p *powerShell) variable(rest string) {
	if strings.HasPrefix(rest, "$(") {
		depth, n := 0, 1
		for ; n < len(rest); n++ {
			if rest[n] == '(' {
				depth++
			}
			if rest[n] == ')' {
				if depth--; depth == 0 {
					n++
					break
				}
			}
		}
		p.at += n
		p.add(Variable("$(...)"))
		return
	}
	shown := powerShellName.FindString(rest)
	if shown == "" {
		p.at++
		p.add("$")
		return
	}
	p.at += len(shown)
	name := strings.Trim(shown[1:], "{}")
	if len(p.words) == 0 && !p.some && strings.HasPrefix(strings.TrimLeft(p.text[p.at:], " \t"), "=") {
		p.add(Variable("$" + name))
		p.endWord()
		p.at += len(p.text[p.at:]) - len(strings.TrimLeft(p.text[p.at:], " \t")) + 1
		p.words = append(p.words, "=")
		return
	}
	if env, ok := strings.CutPrefix(strings.ToLower(name), "env:"); ok {
		if _, set := p.vars.set[strings.ToLower(name)]; !set {
			p.add(p.vars.value(name[len(name)-len(env):], shown))
			return
		}
	}
	p.add(p.vars.local(name, shown))
}

// local returns the value of a variable that only the text itself can have set.
func (v *variableSet) local(name, shown string) string {
	if text, ok := v.set[v.key(name)]; ok {
		return text
	}
	return Variable(shown)
}
