package apimpolicy

import (
	"encoding/xml"
	"strings"
	"testing"
)

// FuzzRead: whatever comes, reading ends without a panic, each element and attribute
// lies where it says, and a document of XML alone is what the standard library reads.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`<policies><inbound><base /><set-header name="a" exists-action="override"><value>@("x" + "<y>")</value></set-header></inbound></policies>`,
		"<policies><a b=\"&#10; &amp; \">x &lt; y</a>\r\n<c/></policies>",
		`<fragment><!-- @( -- --><a b='@{ if (x < 1) { return "}"; } }'/><![CDATA[ @(x) ]]></fragment>`,
		`<policies><a b="@($"{x("")}")" c="{{d}}"/></policies>`,
		"<policies>\x7f@(\x7f)</policies>",
		`<policies><a:b xmlns:a="c"/>&#x41;</policies>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Read("f.xml", data)
		want, plain := standard(data)
		if err != nil {
			if plain {
				t.Fatalf("%v, but the standard library reads it", err)
			}
			return
		}
		places(t, doc, doc.Root)
		if got := show(doc.Root); plain && got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func places(t *testing.T, doc *Document, e *Element) {
	if !strings.HasPrefix(doc.Source(e.Begin, e.End), "<"+e.Name) || !strings.HasSuffix(doc.Source(e.Begin, e.End), ">") {
		t.Errorf("%s is not at %d to %d", e.Name, e.Begin, e.End)
	}
	for _, a := range e.Attrs {
		if a.Begin < e.Begin || !strings.HasPrefix(doc.Source(a.Begin, e.End), a.Name) {
			t.Errorf("%s of %s is not at %d", a.Name, e.Name, a.Begin)
		}
	}
	for _, c := range e.Children {
		places(t, doc, c)
	}
}

// standard reads what is XML and has nothing that we read otherwise, on purpose.
func standard(data []byte) (shown string, ok bool) {
	text := string(data)
	if strings.ContainsAny(text, "@\x7f") || strings.Contains(text, "<!") || strings.Contains(text, "<?") || len(text) > 1000 {
		return "", false
	}
	if strings.Trim(afterRoot(text), " \t\r\n") != "" {
		return "", false
	}
	shown, ok = element(xml.NewDecoder(strings.NewReader(text)))
	first, _, _ := strings.Cut(strings.TrimSuffix(shown, ")"), " ")
	return shown, ok && (first == "(policies" || first == "(fragment")
}

// afterRoot returns what stands around the outermost element, which the standard
// library does not look at.
func afterRoot(text string) string {
	d := xml.NewDecoder(strings.NewReader(text))
	begin, depth := int64(-1), 0
	for {
		at := d.InputOffset()
		token, err := d.RawToken()
		if err != nil {
			return "x"
		}
		switch token.(type) {
		case xml.StartElement:
			if begin < 0 {
				begin = at
			}
			depth++
		case xml.EndElement:
			if depth--; depth == 0 {
				return text[:begin] + text[d.InputOffset():]
			}
		}
	}
}

// element shows the next element as show does.
func element(d *xml.Decoder) (string, bool) {
	for {
		token, err := d.RawToken()
		if err != nil {
			return "", false
		}
		if start, ok := token.(xml.StartElement); ok {
			return inside(d, start)
		}
	}
}

func inside(d *xml.Decoder, start xml.StartElement) (string, bool) {
	out := "(" + name(start.Name)
	seen := map[string]bool{}
	for _, a := range start.Attr {
		if seen[name(a.Name)] || !ascii(name(a.Name)) {
			return "", false // a mistake to us, or a name that no policy has
		}
		seen[name(a.Name)] = true
		out += " " + name(a.Name) + "=`" + strings.TrimSpace(a.Value) + "`"
	}
	text, children := "", ""
	for {
		token, err := d.RawToken()
		if err != nil {
			return "", false
		}
		switch t := token.(type) {
		case xml.CharData:
			text += string(t)
		case xml.StartElement:
			child, ok := inside(d, t)
			if !ok || !ascii(name(t.Name)) {
				return "", false
			}
			children += " " + child
		case xml.EndElement:
			if name(t.Name) != name(start.Name) {
				return "", false // tags of raw tokens are not matched
			}
			if text = strings.TrimSpace(text); text != "" {
				out += " `" + text + "`"
			}
			return out + children + ")", true
		}
	}
}

// ascii reports whether the scanner takes the name: it begins with a letter or _.
func ascii(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool { return r > 0x7e }) < 0 && name != "" && wordy(name[0]) && (name[0] < '0' || name[0] > '9')
}

// FuzzFold: folding and masking end, and what is folded folds to itself.
func FuzzFold(f *testing.F) {
	for _, seed := range []string{`@(a + "b")`, "@{ return (x); }", `@($"{y}")`, "@(/*/**/*/)", `@(a//
)`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		Masked(text)
		if !strings.HasPrefix(text, "@(") {
			text = "@(" + text + ")"
		}
		if code(text).expressionEnd(0) != len(text) {
			return
		}
		once := Fold(text)
		if twice := Fold("@(" + once + ")"); twice != once {
			t.Errorf("%q folds to %q and then to %q", text, once, twice)
		}
	})
}
