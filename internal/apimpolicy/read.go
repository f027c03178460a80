package apimpolicy

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"
)

// maxDocument is far above what API Management takes: 512 KB for a fragment.
const maxDocument = 4 << 20

// maxDepth bounds the nesting of elements.
const maxDepth = 200

// Document is a policy document, or a fragment of one.
type Document struct {
	// File is the name that was given to Read.
	File string
	// Root is the element policies or fragment.
	Root *Element
	// Repairs are the places at which the document is no XML even apart from its
	// expressions, and what they were read as.
	Repairs []Repair

	text  []byte
	lines []int // the offset at which each line begins
}

// Repair is a place that was read although it is not XML.
type Repair struct {
	Offset int
	Text   string
}

// Position is a place in a file; both count from 1, columns in characters.
type Position struct{ Line, Column int }

// Element is a policy, or a part of one.
type Element struct {
	Name     string
	Attrs    []Attr
	Children []*Element
	// Text is what stands in it besides elements, without white space around.
	Text Value
	// Begin and End are the offsets of its first byte and behind its last.
	Begin, End int
}

// Attr is an attribute of an element, at an offset.
type Attr struct {
	Name  string
	Value Value
	Begin int
}

// Value is the value of an attribute, or a text.
type Value struct {
	Text string
	Kind Kind
}

// Kind says what a value is.
type Kind int

// The kinds of values.
const (
	Literal    Kind = iota // text, in which named values may stand
	Expression             // @(...) or @{...}, and nothing else
	Mixed                  // an expression with text behind it, which API Management does not know
)

// Read reads a document. What it cannot read is an *Error.
func Read(file string, data []byte) (*Document, error) {
	doc := &Document{File: file, text: data, lines: []int{0}}
	for i, c := range data {
		if c == '\n' {
			doc.lines = append(doc.lines, i+1)
		}
	}
	err := doc.read(data)
	var f *fault
	if errors.As(err, &f) {
		return nil, &Error{file, doc.Position(f.offset), f.text}
	}
	return doc, err
}

func (d *Document) read(data []byte) error {
	switch {
	case len(data) > maxDocument:
		return &fault{0, fmt.Sprintf("the file has more than %d MiB, which no policy has", maxDocument>>20)}
	case bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")):
		return &fault{0, "the file is in UTF-16; save it as UTF-8"}
	case !utf8.Valid(data):
		return &fault{0, "the file is not in UTF-8"}
	}
	s := &scanner{text: data, masked: bytes.Clone(data)}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		copy(s.masked, "   ")
	}
	if err := s.document(); err != nil {
		return err
	}
	b := &builder{scanner: s}
	if err := b.build(); err != nil {
		return err
	}
	d.Root, d.Repairs = b.root, s.repairs
	switch {
	case b.root == nil:
		return &fault{0, "there is no element; want <policies> or <fragment>"}
	case b.root.Name != "policies" && b.root.Name != "fragment":
		return &fault{b.root.Begin, "the outermost element is neither <policies> nor <fragment>"}
	}
	return nil
}

// Position returns the place of an offset.
func (d *Document) Position(offset int) Position {
	line := sort.SearchInts(d.lines, offset+1) - 1
	return Position{line + 1, utf8.RuneCount(d.text[d.lines[line]:min(offset, len(d.text))]) + 1}
}

// Source returns what stands in the file from one offset to another.
func (d *Document) Source(begin, end int) string { return string(d.text[begin:end]) }

// Section returns a section of a policy document, or nil.
func (d *Document) Section(name string) *Element { return d.Root.Child(name) }

// Child returns the first child of a name, or nil.
func (e *Element) Child(name string) *Element {
	for _, c := range e.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Attr returns an attribute, or nil.
func (e *Element) Attr(name string) *Attr {
	for i := range e.Attrs {
		if e.Attrs[i].Name == name {
			return &e.Attrs[i]
		}
	}
	return nil
}

// builder makes the tree out of what encoding/xml reads of the masked text.
type builder struct {
	*scanner
	root     *Element
	open     []*Element
	texts    []*texts // of the open elements
	nextHole int
	nextAttr int
}

// texts are the pieces of an element's text.
type texts struct {
	all         strings.Builder
	expressions int
	other       bool // there is more than expressions and white space
}

func (b *builder) build() error {
	d := xml.NewDecoder(bytes.NewReader(b.masked))
	for {
		at := int(d.InputOffset())
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &fault{int(d.InputOffset()), "this is no XML" + whyNot(err)}
		}
		if err := b.take(token, at, int(d.InputOffset())); err != nil {
			return err
		}
	}
	if len(b.open) > 0 {
		e := b.open[len(b.open)-1]
		return &fault{e.Begin, "the element " + e.Name + " is not closed"}
	}
	return nil
}

// whyNot is the reason of the XML reader, where it repeats nothing of the document.
func whyNot(err error) string {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) && !strings.Contains(syntax.Msg, "&") {
		return ": " + syntax.Msg
	}
	return ""
}

func (b *builder) take(token xml.Token, begin, end int) error {
	switch t := token.(type) {
	case xml.StartElement:
		return b.start(t, begin)
	case xml.EndElement:
		return b.end(name(t.Name), begin, end)
	case xml.CharData:
		text := b.restore(string(t))
		if len(b.open) == 0 {
			if strings.TrimSpace(text.all.String()) != "" {
				return &fault{begin, "there is text outside the outermost element, which is <policies> or <fragment>"}
			}
			return nil
		}
		in := b.texts[len(b.texts)-1]
		in.all.WriteString(text.all.String())
		in.expressions += text.expressions
		in.other = in.other || text.other
	}
	return nil
}

func name(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func (b *builder) start(t xml.StartElement, begin int) error {
	e := &Element{Name: name(t.Name), Begin: begin}
	for _, a := range t.Attr {
		if b.nextAttr == len(b.attrs) {
			return &fault{begin, "this is no XML"} // the two readings of the tag differ
		}
		at := b.attrs[b.nextAttr]
		b.nextAttr++
		if e.Attr(name(a.Name)) != nil {
			return &fault{at.name, "the attribute " + name(a.Name) + " stands here twice"}
		}
		e.Attrs = append(e.Attrs, Attr{Name: name(a.Name), Value: b.restore(a.Value).value(), Begin: at.name})
	}
	switch {
	case len(b.open) > 0:
		parent := b.open[len(b.open)-1]
		parent.Children = append(parent.Children, e)
	case b.root != nil:
		return &fault{begin, "there is a second outermost element"}
	default:
		b.root = e
	}
	if len(b.open) >= maxDepth {
		return &fault{begin, fmt.Sprintf("elements are nested more than %d deep", maxDepth)}
	}
	b.open, b.texts = append(b.open, e), append(b.texts, &texts{})
	return nil
}

func (b *builder) end(name string, begin, end int) error {
	last := len(b.open) - 1
	if last < 0 {
		return &fault{begin, "</" + name + "> closes nothing"}
	}
	e := b.open[last]
	if e.Name != name {
		return &fault{begin, "</" + name + "> stands where </" + e.Name + "> is missing"}
	}
	e.Text, e.End = b.texts[last].value(), end
	b.open, b.texts = b.open[:last], b.texts[:last]
	return nil
}

// restore puts back what was taken out of a text.
func (b *builder) restore(masked string) *texts {
	t := &texts{}
	for {
		before, rest, found := strings.Cut(masked, string(rune(mark)))
		t.all.WriteString(before)
		t.other = t.other || strings.TrimSpace(before) != ""
		if !found {
			return t
		}
		if b.nextHole == len(b.holes) || len(rest) < b.holes[b.nextHole].length-1 {
			panic("BUG: what was masked has come apart")
		}
		h := b.holes[b.nextHole]
		b.nextHole++
		t.all.WriteString(h.text)
		if h.expression {
			t.expressions++
		} else {
			t.other = t.other || h.text != ""
		}
		masked = rest[h.length-1:]
	}
}

func (t *texts) value() Value {
	v := Value{Text: strings.TrimSpace(t.all.String())}
	switch {
	case t.expressions == 0:
	case t.expressions == 1 && !t.other:
		v.Kind = Expression
	default:
		v.Kind = Mixed
	}
	return v
}
