package apimpolicy

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// mark stands in the masked text where a hole begins. It is the one character that
// XML allows and nobody types.
const mark = 0x7F

// hole is a part of the document that is kept from the XML reader, since it would not
// be XML: an expression, a comment, an & or < that should have been escaped.
type hole struct {
	length     int
	text       string
	expression bool
}

// place is where an attribute stands.
type place struct{ name, value int }

// scanner finds the holes of a document and the places of its attributes. What it
// masks keeps its length, so that offsets of the masked text are those of the file.
type scanner struct {
	text, masked code
	holes        []hole
	attrs        []place
	repairs      []Repair
}

// Error is what makes a document unreadable, with its place. It repeats nothing of
// the document.
type Error struct {
	File string
	Position
	Text string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// fault is an Error whose offset is not yet a line.
type fault struct {
	offset int
	text   string
}

func (f *fault) Error() string { return f.text }

const notEnding = "this expression does not end: a bracket, quote or comment in it is not closed"

// document scans what stands between tags.
func (s *scanner) document() error {
	fresh := true // nothing of the text that began behind the last tag has been seen
	for i := 0; i < len(s.text); {
		next, err := s.piece(i, fresh)
		if err != nil {
			return err
		}
		fresh = fresh && blank(s.text[i]) || s.text[next-1] == '>' && s.text[i] == '<' && next > i+1
		i = next
	}
	return nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// piece scans what begins at i and returns the offset behind it.
func (s *scanner) piece(i int, fresh bool) (int, error) {
	rest := s.text[i:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		return s.hide(i, s.text.behind(i+4, "-->"), "this comment does not end")
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return s.cdata(i)
	case bytes.HasPrefix(rest, []byte("<?")):
		return s.hide(i, s.text.behind(i+2, "?>"), "this processing instruction does not end")
	case bytes.HasPrefix(rest, []byte("<!")):
		return 0, &fault{i, "a document type declaration is not handled"}
	case fresh && s.text.beginsExpression(i):
		return s.expression(i)
	case tagBegin.Match(rest):
		return s.tag(i)
	}
	return s.literal(i), nil
}

var tagBegin = regexp.MustCompile(`^</?[A-Za-z_]`)

// hide masks what the XML reader need not see, such as a comment: it would refuse one
// with -- inside.
func (s *scanner) hide(i, end int, unended string) (int, error) {
	if end < 0 {
		return 0, &fault{i, unended}
	}
	s.dig(i, end, hole{})
	return end, nil
}

// dig masks the bytes from i to end.
func (s *scanner) dig(i, end int, h hole) {
	h.length = end - i
	for j := i; j < end; j++ {
		s.masked[j] = 'x'
	}
	s.masked[i] = mark
	s.holes = append(s.holes, h)
}

func (s *scanner) expression(i int) (int, error) {
	end := s.text.expressionEnd(i)
	if end < 0 {
		return 0, &fault{i, notEnding}
	}
	s.dig(i, end, hole{text: unescape(string(s.text[i:end])), expression: true})
	return end, nil
}

// literal scans one byte of text. An & or < that is not escaped is repaired, and told.
func (s *scanner) literal(i int) int {
	c := s.text[i]
	switch {
	case c == '&' && !entity.Match(s.text[i:]):
		s.repairs = append(s.repairs, Repair{i, "an & that is not escaped; it is read as &amp;"})
	case c == '<':
		s.repairs = append(s.repairs, Repair{i, "a < that is not escaped; it is read as &lt;"})
	case c != mark:
		return i + 1
	}
	s.dig(i, i+1, hole{text: string(c)})
	return i + 1
}

var entity = regexp.MustCompile(`^&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});`)

func (s *scanner) cdata(i int) (int, error) {
	at := i + len("<![CDATA[")
	for at < len(s.text) && blank(s.text[at]) {
		at++
	}
	if s.text.beginsExpression(at) {
		var err error
		if at, err = s.expression(at); err != nil {
			return 0, err
		}
	}
	end := s.text.behind(at, "]]>")
	if end < 0 {
		return 0, &fault{i, "this CDATA section does not end"}
	}
	for j := at; j < end; j++ {
		if s.text[j] == mark {
			s.dig(j, j+1, hole{text: string(rune(mark))})
		}
	}
	return end, nil
}

// tag scans a tag and its attributes.
func (s *scanner) tag(begin int) (int, error) {
	i := begin + 1
	for i < len(s.text) && !blank(s.text[i]) && s.text[i] != '>' && s.text[i] != '/' || i == begin+1 {
		i++
	}
	for {
		for i < len(s.text) && (blank(s.text[i]) || s.text[i] == '/') {
			i++
		}
		switch {
		case i >= len(s.text):
			return 0, &fault{begin, "this tag does not end"}
		case s.text[i] == '>':
			return i + 1, nil
		}
		var err error
		if i, err = s.attribute(i); err != nil {
			return 0, err
		}
	}
}

var attributeBegin = regexp.MustCompile(`^([A-Za-z_][\w.:-]*)\s*=\s*["']`)

func (s *scanner) attribute(i int) (int, error) {
	m := attributeBegin.FindSubmatch(s.text[i:])
	if m == nil {
		return 0, &fault{i, `this is no attribute: want name="value"`}
	}
	at := place{i, i + len(m[0])}
	s.attrs = append(s.attrs, at)
	quote := s.text[at.value-1]
	i = at.value
	for i < len(s.text) && blank(s.text[i]) {
		i++
	}
	if s.text.beginsExpression(i) {
		var err error
		if i, err = s.expression(i); err != nil {
			return 0, err
		}
	}
	for i < len(s.text) && s.text[i] != quote {
		i = s.literal(i)
	}
	if i >= len(s.text) {
		return 0, &fault{at.name, "the value of this attribute does not end"}
	}
	return i + 1, nil
}

var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&#34;", `"`, "&#39;", "'",
	"&#10;", "\n", "&#13;", "\r", "&#xA;", "\n", "&#xD;", "\r", "&amp;", "&", "\r\n", "\n")

// unescape decodes the entities of an expression that was taken out.
func unescape(expression string) string { return unescaper.Replace(expression) }
