package apimpolicy

import (
	"bytes"
	"strings"
)

// maxNesting bounds expressions inside interpolated strings inside expressions.
const maxNesting = 16

// code is C# as it stands in a document. In the xml form its quotes are entities.
type code []byte

// quotes are the spellings of the characters that begin and end texts in C#. A text
// ends with the spelling that it began with: "a &quot; b" is one text.
var quotes = []struct {
	spelling string
	means    byte
}{
	{`"`, '"'}, {"'", '\''}, {"&quot;", '"'}, {"&#34;", '"'}, {"&apos;", '\''}, {"&#39;", '\''},
}

// quote returns the quote that stands at i, and its spelling.
func (c code) quote(i int) (means byte, spelling string) {
	if i >= len(c) || c[i] != '"' && c[i] != '\'' && c[i] != '&' {
		return 0, ""
	}
	for _, q := range quotes {
		if bytes.HasPrefix(c[i:], []byte(q.spelling)) {
			return q.means, q.spelling
		}
	}
	return 0, ""
}

// beginsExpression reports whether an expression begins at i. @{{ does not: it is an
// @ in front of a named value.
func (c code) beginsExpression(i int) bool {
	if i+1 >= len(c) || c[i] != '@' {
		return false
	}
	return c[i+1] == '(' || c[i+1] == '{' && (i+2 >= len(c) || c[i+2] != '{')
}

// expressionEnd returns the offset behind the expression that begins at i, or -1
// where it does not end. Only brackets of its own kind are counted, outside texts and
// comments.
func (c code) expressionEnd(i int) int {
	shut := map[byte]byte{'(': ')', '{': '}'}[c[i+1]]
	return c.block(i+2, c[i+1], shut, 0)
}

// block returns the offset behind the bracket that closes what was opened before i.
func (c code) block(i int, open, shut byte, nesting int) int {
	if nesting > maxNesting {
		return -1
	}
	depth := 1
	for i >= 0 && i < len(c) {
		if after, ok := c.skip(i, nesting); ok {
			i = after
			continue
		}
		switch c[i] {
		case open:
			depth++
		case shut:
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return -1
}

// skip passes over a comment or a text that begins at i.
func (c code) skip(i, nesting int) (after int, ok bool) {
	switch rest := c[i:]; {
	case bytes.HasPrefix(rest, []byte("//")):
		return c.behind(i, "\n"), true
	case bytes.HasPrefix(rest, []byte("/*")):
		return c.behind(i+2, "*/"), true
	case rest[0] == '@' || rest[0] == '$':
		first := rest[:min(2, len(rest))]
		n := len(first) - len(bytes.TrimLeft(first, "@$"))
		means, spelling := c.quote(i + n)
		if means != '"' {
			return i + n, true
		}
		prefix := string(rest[:n])
		return c.text(i+n+len(spelling), spelling, strings.Contains(prefix, "@"), strings.Contains(prefix, "$"), nesting), true
	}
	if _, spelling := c.quote(i); spelling != "" {
		return c.text(i+len(spelling), spelling, false, false, nesting), true
	}
	return i, false
}

func (c code) behind(i int, mark string) int {
	n := bytes.Index(c[i:], []byte(mark))
	if n < 0 {
		return -1
	}
	return i + n + len(mark)
}

// text returns the offset behind a text whose first character is at i. In a verbatim
// one a doubled quote is a quote; in an interpolated one there is code in braces.
func (c code) text(i int, quote string, verbatim, interpolated bool, nesting int) int {
	for i < len(c) {
		switch rest := c[i:]; {
		case bytes.HasPrefix(rest, []byte(quote)):
			if !verbatim || !bytes.HasPrefix(rest[len(quote):], []byte(quote)) {
				return i + len(quote)
			}
			i += 2 * len(quote)
		case rest[0] == '\\' && !verbatim:
			i += 2
		case interpolated && (bytes.HasPrefix(rest, []byte("{{")) || bytes.HasPrefix(rest, []byte("}}"))):
			i += 2
		case interpolated && rest[0] == '{':
			if i = c.block(i+1, '{', '}', nesting+1); i < 0 {
				return -1
			}
		default:
			i++
		}
	}
	return -1
}
