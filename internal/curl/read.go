package curl

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Shell is whose quoting rules a text follows.
type Shell string

// The shells that are understood. Auto finds out by the text.
const (
	Auto       Shell = ""
	POSIX      Shell = "sh"
	Cmd        Shell = "cmd"
	PowerShell Shell = "powershell"
)

var (
	powerShellSigns = regexp.MustCompile("(?m)[ \\t]`\\r?$|\\$env:|\\bInvoke-(WebRequest|RestMethod)\\b|^PS [A-Z]:\\\\|@['\"]\\r?$")
	cmdSigns        = regexp.MustCompile(`(?m)\^"|[ \t]\^\r?$|^[A-Za-z]:\\[^>\n]*>`)
	cmdVariable     = regexp.MustCompile(`%[A-Z_][A-Z0-9_]{2,}%`)
)

// shellOf tells by what only one of them has whose text it is.
func shellOf(text string) Shell {
	switch {
	case powerShellSigns.MatchString(text):
		return PowerShell
	case cmdSigns.MatchString(text):
		return Cmd
	case !strings.Contains(text, "curl.exe"):
		if cmdVariable.MatchString(text) && !strings.Contains(text, "'") && !strings.Contains(text, "$") {
			return Cmd
		}
		return POSIX
	case strings.Contains(text, `\"`), cmdVariable.MatchString(text):
		return Cmd
	}
	return PowerShell
}

// Read returns the curl commands in a text. getenv says what a variable is that the
// text uses and does not set.
func Read(text string, shell Shell, getenv func(name string) (string, bool)) ([]Command, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.Contains(text, mark) {
		return nil, errors.New("the text holds a byte of value 0; is it UTF-16? Save it as UTF-8")
	}
	if shell == Auto {
		shell = shellOf(text)
	}
	vars := &variableSet{set: map[string]string{}, getenv: getenv}
	var all []Command
	var err error
	switch shell {
	case POSIX:
		all, err = readPOSIX(text, vars)
	case Cmd:
		all, err = readCmd(text, vars)
	case PowerShell:
		all, err = readPowerShell(text, vars)
	default:
		return nil, fmt.Errorf("no shell named %q; sh, cmd and powershell are known", string(shell))
	}
	switch {
	case len(all) == 0 && !strings.Contains(text, "curl") && otherClients.MatchString(text):
		return nil, errors.New(`there is no curl command in the text, and no other is understood; a browser has "Copy as cURL", or write the request with -X, -H and -d`)
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, errors.New("there is no curl command in the text")
	}
	return all, nil
}

var otherClients = regexp.MustCompile(`\b(Invoke-WebRequest|Invoke-RestMethod|iwr|irm|wget|https?ie|fetch|requests)\b`)

// variableSet are the variables that a text has set so far. Names of Windows do not
// know case.
type variableSet struct {
	set    map[string]string
	fold   bool
	getenv func(string) (string, bool)
}

func (v *variableSet) key(name string) string {
	if v.fold {
		return strings.ToLower(name)
	}
	return name
}

// value returns what a variable is; shown is how it stands in the text.
func (v *variableSet) value(name, shown string) string {
	if text, ok := v.set[v.key(name)]; ok {
		return text
	}
	if text, ok := v.getenv(name); ok {
		return strings.ReplaceAll(text, mark, "")
	}
	return Variable(shown)
}

func (v *variableSet) put(name, text string) { v.set[v.key(name)] = text }

var wrappers = fieldSet("$ % sudo exec env command nohup time noglob builtin & @curl")

// curlAt returns where in a command the word curl stands as the program to be run,
// or -1.
func curlAt(words []string) int {
	for i, w := range words {
		w = strings.TrimPrefix(w, "@")
		base := path.Base(strings.ReplaceAll(w, `\`, "/"))
		switch {
		case strings.EqualFold(base, "curl"), strings.EqualFold(base, "curl.exe"):
			return i
		case w == "--":
			return curlBehind(words, i+1)
		case !wrappers[w] && !isAssignment(w):
			return curlBehindDashes(words, i)
		}
	}
	return -1
}

// curlBehindDashes finds the curl of kubectl exec pod -- curl.
func curlBehindDashes(words []string, from int) int {
	for i := from; i < len(words); i++ {
		if words[i] == "--" {
			return curlBehind(words, i+1)
		}
	}
	return -1
}

func curlBehind(words []string, i int) int {
	if i < len(words) && (words[i] == "curl" || strings.HasSuffix(words[i], "/curl")) {
		return i
	}
	return -1
}

func isAssignment(w string) bool {
	name, _, ok := strings.Cut(w, "=")
	return ok && isName(name)
}

func isName(s string) bool {
	for i, c := range s {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// unexpanded is a variable that no shell has replaced. In a URL a name in lower case
// is none: $filter and $top are parameters of many APIs.
var (
	unexpanded      = regexp.MustCompile(`\$env:\w+|\$\{\w+\}|\$[A-Za-z_]\w*|%[A-Z_][A-Z0-9_]{2,}%`)
	unexpandedInURL = regexp.MustCompile(`\$env:\w+|\$\{\w+\}|\$[A-Z_][A-Z0-9_]+|%[A-Z_][A-Z0-9_]{2,}%`)
)

// FromWords returns the command of words that a shell has split already. What
// looks like a variable there has not been expanded, and is not known.
func FromWords(words []string) Command {
	c := Command{}
	for _, w := range words {
		w = strings.ReplaceAll(w, mark, "")
		switch t := strings.TrimLeft(w, " \t\r\n"); {
		case strings.HasPrefix(t, "{"), strings.HasPrefix(t, "["): // a body, of which only the length counts
		case strings.Contains(t, "://"), strings.HasPrefix(t, "/"):
			w = unexpandedInURL.ReplaceAllStringFunc(w, Variable)
		default:
			w = unexpanded.ReplaceAllStringFunc(w, Variable)
		}
		c.Words = append(c.Words, w)
	}
	return c
}

// noteBroken warns where the command behind the last one begins with an option: it
// was meant to belong to it.
func noteBroken(all []Command, first string) {
	if len(all) > 0 && len(first) > 1 && first[0] == '-' {
		c := &all[len(all)-1]
		c.Notes = append(c.Notes, "the next command begins with an option: is a continuation missing, or a space behind one? curl does not get what is behind it")
	}
}

// checkQuotes refuses quotes that only word processors know. A word that begins with
// one was meant to be quoted.
func checkQuotes(words []string) error {
	for _, w := range words {
		if strings.HasPrefix(w, "\u201c") || strings.HasPrefix(w, "\u2018") || strings.HasPrefix(w, "\u201d") || strings.HasPrefix(w, "\u2019") {
			return errors.New("the text has typographic quotes, which a shell takes for letters; replace them by straight ones (\" or ')")
		}
	}
	return nil
}
