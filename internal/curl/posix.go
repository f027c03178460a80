package curl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// posix reads a text of sh, bash or zsh: a line that was copied, or a script.
type posix struct {
	text     string
	vars     *variableSet
	commands []Command
	outputs  int // of other commands, so far
	piped    map[*syntax.Stmt]bool
}

func readPOSIX(text string, vars *variableSet) ([]Command, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if nested(text) > maxNested {
		return nil, errors.New("the text has brackets in brackets beyond all measure; give it the curl line alone")
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, posixError(err)
	}
	p := &posix{text: text, vars: vars, piped: map[*syntax.Stmt]bool{}}
	syntax.Walk(file, func(n syntax.Node) bool {
		if err != nil {
			return false
		}
		switch n := n.(type) {
		case *syntax.BinaryCmd:
			p.piped[n.Y] = n.Op == syntax.Pipe || n.Op == syntax.PipeAll
		case *syntax.Stmt:
			err = p.statement(n)
		}
		return true
	})
	return p.commands, err
}

// maxNested bounds brackets in brackets: the parser calls itself for each, and Go
// ends a program whose stack is full (measured: 1 MiB of $( is enough).
const maxNested = 1000

// nested returns how deep the brackets of a text are, in quotes or not.
func nested(text string) (deepest int) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '[':
			depth++
			deepest = max(deepest, depth)
		case ')', '}', ']':
			depth = max(0, depth-1)
		}
	}
	return deepest
}

// posixError says where a text cannot be read. The parser's own words quote it.
func posixError(err error) error {
	what, at := "cannot be read as a command of a shell", syntax.Pos{}
	var parse syntax.ParseError
	var lang syntax.LangError
	switch {
	case errors.As(err, &parse):
		at = parse.Pos
		if parse.Incomplete {
			what = "ends inside quotes or brackets"
		}
	case errors.As(err, &lang):
		at = lang.Pos
	}
	return fmt.Errorf("line %d, column %d: the text %s; check the quotes, or name its shell with --shell", at.Line(), at.Col(), what)
}

func (p *posix) statement(s *syntax.Stmt) error {
	switch cmd := s.Cmd.(type) {
	case *syntax.DeclClause: // export NAME=value
		p.assign(cmd.Args)
	case *syntax.CallExpr:
		if len(cmd.Args) == 0 {
			p.assign(cmd.Assigns)
			return nil
		}
		return p.call(s, cmd)
	}
	return nil
}

func (p *posix) assign(all []*syntax.Assign) {
	for _, a := range all {
		if a.Name == nil || a.Naked || a.Array != nil || a.Index != nil || a.Append {
			continue
		}
		value := ""
		if a.Value != nil {
			var err error
			if value, err = p.word(a.Value); err != nil {
				value = Variable("$" + a.Name.Value)
			}
		}
		p.vars.put(a.Name.Value, value)
	}
}

func (p *posix) call(s *syntax.Stmt, cmd *syntax.CallExpr) error {
	var names []string
	for _, w := range cmd.Args {
		name := w.Lit()
		if len(names) == 0 && name == "" {
			name, _ = p.word(w)
		}
		names = append(names, name)
	}
	at := curlAt(names)
	if at < 0 {
		noteBroken(p.commands, names[0])
		return nil
	}
	c := Command{}
	for _, w := range cmd.Args[at+1:] {
		text, err := p.word(w)
		if err != nil {
			return err
		}
		c.Notes = append(c.Notes, inSingleQuotes(w)...)
		c.Words = append(c.Words, text)
	}
	if err := checkQuotes(c.Words); err != nil {
		return err
	}
	p.redirect(&c, s.Redirs)
	if end := int(s.Semicolon.Offset()) + 1; s.Background && end < len(p.text) && !strings.ContainsRune(" \t\n&", rune(p.text[end])) {
		c.Notes = append(c.Notes, "an & is not in quotes: the shell ends the command there, and curl does not get what is behind it")
	}
	p.commands = append(p.commands, c)
	return nil
}

// redirect finds what the command reads from standard input.
func (p *posix) redirect(c *Command, all []*syntax.Redirect) {
	for _, r := range all {
		var text string
		var err error
		switch r.Op {
		case syntax.Hdoc, syntax.DashHdoc:
			switch {
			case r.Hdoc == nil:
			case r.Word.Lit() == "": // the end is in quotes: the text stands as it is
				text = r.Hdoc.Lit()
			default:
				text, err = p.parts(r.Hdoc.Parts, true)
			}
		case syntax.WordHdoc:
			text, err = p.word(r.Word)
			text += "\n"
		case syntax.RdrIn:
			var name, why string
			name, err = p.word(r.Word)
			if text, why = c.read(name); why != "" {
				continue
			}
		default:
			continue
		}
		if err == nil {
			c.Stdin = &text
		}
	}
}

var dollarName = regexp.MustCompile(`\$(\{[A-Za-z_]\w*\}|[A-Z_][A-Z0-9_]+)`)

// inSingleQuotes warns of a variable that the shell leaves as it is, outside of a
// body.
func inSingleQuotes(w *syntax.Word) (notes []string) {
	for _, part := range w.Parts {
		q, ok := part.(*syntax.SglQuoted)
		if !ok || q.Dollar || strings.ContainsAny(q.Value, "{[") {
			continue
		}
		for _, name := range dollarName.FindAllString(q.Value, -1) {
			notes = append(notes, name+" stands in single quotes: the shell leaves it, and curl sends these very characters")
		}
	}
	return notes
}

// word returns a word without its quotes.
func (p *posix) word(w *syntax.Word) (string, error) {
	if syntax.SplitBraces(&syntax.Word{Parts: slices.Clone(w.Parts)}) { // it changes its word
		return "", errors.New("a word in {} is not in quotes: the shell makes several of it; put it in single quotes")
	}
	return p.parts(w.Parts, false)
}

func (p *posix) parts(parts []syntax.WordPart, quoted bool) (string, error) {
	var b strings.Builder
	for _, part := range parts {
		text, err := p.part(part, quoted)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (p *posix) part(part syntax.WordPart, quoted bool) (string, error) {
	switch part := part.(type) {
	case *syntax.Lit:
		return withoutBackslashes(part.Value, quoted), nil
	case *syntax.SglQuoted:
		if part.Dollar {
			return ansiC(part.Value), nil
		}
		return part.Value, nil
	case *syntax.DblQuoted:
		return p.parts(part.Parts, true)
	case *syntax.ParamExp:
		return p.parameter(part, quoted)
	case *syntax.CmdSubst:
		return p.output(part), nil
	}
	return "", errors.New("a word of the command is made by the shell in a way that is not understood here; write it out")
}

// parameter returns the value of $NAME. How ${NAME%...} and its like change it is
// not worked out.
func (p *posix) parameter(e *syntax.ParamExp, quoted bool) (string, error) {
	name := ""
	if e.Param != nil {
		name = e.Param.Value
	}
	switch {
	case name == "@" || name == "*" || e.Index != nil || name == "":
		return "", errors.New("which words $@ or a list stands for is not known; write them out")
	case e.Excl || e.Length || e.Width || e.Slice != nil || e.Repl != nil || e.Names != 0 || e.Exp != nil:
		return Variable("${" + name + "...}"), nil
	}
	value := p.vars.value(name, "$"+name)
	if !quoted && strings.ContainsAny(value, " \t\n*?[") {
		return "", fmt.Errorf("$%s holds spaces or wildcards and is not in double quotes: the shell makes several words of it; write \"$%s\"", name, name)
	}
	return value, nil
}

// output is the output of another command, which is not run.
func (p *posix) output(c *syntax.CmdSubst) string {
	name := "..."
	if len(c.Stmts) > 0 {
		if call, ok := c.Stmts[0].Cmd.(*syntax.CallExpr); ok && len(call.Args) > 0 && isName(call.Args[0].Lit()) {
			name = call.Args[0].Lit() + " ..."
		}
	}
	if p.outputs++; p.outputs > 1 {
		return Variable(fmt.Sprintf("$(%s)#%d", name, p.outputs))
	}
	return Variable("$(" + name + ")")
}

// withoutBackslashes carries out the backslashes of a word; in double quotes they
// mean something only in front of a few characters.
func withoutBackslashes(s string, quoted bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case s[i] == '\n':
		case quoted && !strings.ContainsRune("$`\"\\", rune(s[i])):
			b.WriteString(s[i-1 : i+1])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
