package carryover

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

// account returns what is in no item: neither itself nor what it stands in.
func account(r Result, doc *apimpolicy.Document) []string {
	fates, whole := map[any][]Fate{}, wholly(r)
	for _, i := range r.Items {
		fates[i.node] = append(fates[i.node], i.Fate)
	}
	var missing []string
	var walk func(e *apimpolicy.Element, covered, part bool)
	walk = func(e *apimpolicy.Element, covered, part bool) {
		own := fates[e]
		// What is carried over answers for its parts; what is not, for all that is in it.
		covered = covered || whole[e]
		part = part || slices.Contains(own, Carried)
		if !covered && !part && own == nil {
			missing = append(missing, fmt.Sprint(e.Name, doc.Position(e.Begin)))
		}
		for i := range e.Attrs {
			if a := &e.Attrs[i]; !covered && !part && fates[a] == nil {
				missing = append(missing, fmt.Sprint(e.Name, " ", a.Name, doc.Position(a.Begin)))
			}
		}
		for _, c := range e.Children {
			walk(c, covered, part)
		}
	}
	walk(doc.Root, false, false)
	for _, i := range r.Items {
		if i.Reason == notLookedAt {
			missing = append(missing, fmt.Sprint("forgotten: ", i.What, i.Line))
		}
	}
	return missing
}

// wholly returns the elements that are listed with everything in them.
func wholly(r Result) map[any]bool {
	carried, whole := map[any]bool{}, map[any]bool{}
	for _, i := range r.Items {
		carried[i.node] = carried[i.node] || i.Fate == Carried || i.Reason == structure
	}
	for _, i := range r.Items {
		if _, ok := i.node.(*apimpolicy.Element); ok && !carried[i.node] {
			whole[i.node] = true
		}
	}
	return whole
}

// TestEveryPartIsAccountedFor: of each case, each element and each attribute.
func TestEveryPartIsAccountedFor(t *testing.T) {
	for _, i := range idioms(t) {
		in := i.input(t)
		r := Convert(in)
		c := &conversion{in: in}
		for _, doc := range c.documents() {
			if missing := account(r, doc); len(missing) > 0 {
				t.Errorf("%s: %s: %v", i.name, doc.File, missing)
			}
		}
	}
}

// sites returns the offsets behind the name of each element of a document, and each
// value of an attribute that is no expression yet.
func sites(doc *apimpolicy.Document) (names []int, values [][2]int) {
	var walk func(e *apimpolicy.Element)
	walk = func(e *apimpolicy.Element) {
		names = append(names, e.Begin+1+len(e.Name))
		for _, a := range e.Attrs {
			text := doc.Source(a.Begin, e.End)
			if begin := strings.IndexByte(text, '"'); a.Value.Kind == apimpolicy.Literal && begin >= 0 {
				end := begin + 1 + strings.IndexByte(text[begin+1:], '"')
				values = append(values, [2]int{a.Begin + begin + 1, a.Begin + end})
			}
		}
		for _, c := range e.Children {
			walk(c)
		}
	}
	walk(doc.Root)
	return names, values
}

// converted converts a case with another text of its API.
func (i idiom) converted(t testing.TB, text string) (Result, *apimpolicy.Document) {
	t.Helper()
	doc, err := apimpolicy.Read("api.xml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	in := i.input(t)
	in.APIs[0].Policy = doc
	return Convert(in), doc
}

// TestNoAttributeIsUnknownInSilence: an attribute that nobody knows, at any element, is
// listed, or stands in something that is listed as a whole.
func TestNoAttributeIsUnknownInSilence(t *testing.T) {
	for _, i := range idioms(t) {
		text := string(i.file("api.xml"))
		names, _ := sites(i.document(t, "api.xml"))
		for _, at := range names {
			r, doc := i.converted(t, text[:at]+` nobody-knows="@(this)"`+text[at:])
			if !listed(r, doc, "nobody-knows") {
				t.Errorf("%s: at %v", i.name, doc.Position(at))
			}
		}
	}
}

// listed reports whether the attribute of this name has an item, or stands in an element
// of which all is listed.
func listed(r Result, doc *apimpolicy.Document, name string) bool {
	own, all := map[any]bool{}, wholly(r)
	for _, i := range r.Items {
		own[i.node] = true
	}
	found := false
	var walk func(e *apimpolicy.Element, whole bool)
	walk = func(e *apimpolicy.Element, whole bool) {
		whole = whole || all[e]
		if a := e.Attr(name); a != nil && (whole || own[a]) {
			found = true
		}
		for _, c := range e.Children {
			walk(c, whole)
		}
	}
	walk(doc.Root, false)
	return found
}

// withoutMeaning are attributes whose value means nothing to the edge, and what is said
// instead is in the list or in docs/import.md.
var withoutMeaning = map[string]string{
	"count": "each upstream is asked once", "interval": "at once", "delta": "at once", "max-interval": "at once",
	"first-fast-retry": "at once", "failed-check-error-message": "the text is the edge's", "ignore-case": "there is no value",
	"reason": "the text is the edge's", "id": "a name",
}

// TestNoValueIsIgnoredInSilence: where a value becomes an expression that nobody knows,
// something else comes out, unless the policy was listed as a whole before.
func TestNoValueIsIgnoredInSilence(t *testing.T) {
	checked := 0
	for _, i := range idioms(t) {
		text := string(i.file("api.xml"))
		before, doc := i.converted(t, text)
		_, values := sites(doc)
		for n, at := range values {
			name := attributeAt(doc, at[0])
			after, changed := i.converted(t, text[:at[0]]+"@(unknown."+itoa(n)+")"+text[at[1]:])
			if withoutMeaning[name] != "" || wholeAt(before, doc, at[0]) {
				continue
			}
			checked++
			if said(before) == said(after) && listed(after, changed, name) == listed(before, doc, name) {
				t.Errorf("%s: %s at %v makes no difference", i.name, name, doc.Position(at[0]))
			}
		}
	}
	if checked < 100 {
		t.Errorf("looked at %d values, want more", checked)
	}
}

// said is what comes out besides the text of the policies.
func said(r Result) string {
	out := r.Configuration
	for _, i := range r.Items {
		out += fmt.Sprintln(i.Fate, i.What, i.Keys, i.Reason, i.Affects)
	}
	return out
}

func attributeAt(doc *apimpolicy.Document, offset int) string {
	name := ""
	var walk func(e *apimpolicy.Element)
	walk = func(e *apimpolicy.Element) {
		for _, a := range e.Attrs {
			if a.Begin < offset && offset <= a.Begin+len(a.Name)+4 {
				name = a.Name
			}
		}
		for _, c := range e.Children {
			walk(c)
		}
	}
	walk(doc.Root)
	return name
}

// wholeAt reports whether an offset is in something that is listed, as a whole or by
// itself.
func wholeAt(r Result, doc *apimpolicy.Document, offset int) bool {
	whole := wholly(r)
	for _, i := range r.Items {
		if e, ok := i.node.(*apimpolicy.Element); ok && whole[e] && i.File == doc.File && e.Begin < offset && offset < e.End {
			return true
		}
		if a, ok := i.node.(*apimpolicy.Attr); ok && a.Begin < offset && offset <= a.Begin+len(a.Name)+4 {
			return true
		}
	}
	return false
}

// FuzzConvert: whatever a document says, each part of it is accounted for, and what is
// written is accepted.
func FuzzConvert(f *testing.F) {
	for _, i := range idioms(f) {
		f.Add(string(i.file("api.xml")), string(i.file("global.xml")))
	}
	f.Fuzz(func(t *testing.T, text, above string) {
		doc, err := apimpolicy.Read("api.xml", []byte(text))
		if err != nil {
			return
		}
		in := Input{APIs: []API{{Path: "openai", Policy: doc, KeyHeader: "api-key"}}, NoGlobal: true}
		if global, err := apimpolicy.Read("global.xml", []byte(above)); err == nil {
			in.Global = global
			defer func() {
				if missing := account(Convert(in), global); len(missing) > 0 {
					t.Errorf("not accounted for above: %v", missing)
				}
			}()
		}
		r := Convert(in)
		if missing := account(r, doc); len(missing) > 0 {
			t.Errorf("not accounted for: %v\n%s", missing, r.List())
		}
		err = load(t, r.Configuration)
		if err != nil {
			t.Errorf("%v\n%s", err, r.Configuration)
		}
	})
}

// odd are values that a configuration may not take as they are.
var odd = []string{
	"", " ", "a b", "$HOME", "${X}", "5 $", "ä", "x&#10;y", "&#9;", "https://exa mple", "https://a_b.example.com", "https://[::1]:99999", "https://h:0", "https://-a",
	"https://h/a b", "https://h/%zz", "https://h//x", "https://h/../x", "https://H", "http://10.0.0.1:8080/x/", "&apos;&quot;#: {", "null", "0", "-1", "1.5", "99999999999999999999",
	"env:X", "keyvault:x", "https://u:p@h", "https://h?x", "*", "**", "Bearer", "authorization", "__x", "x__y", "x_", "#", "a:b", "- a", "true", "[]", "api-key", "Host", "%", "a,b",
	strings.Repeat("a", 300),
}

// texts returns the places of the texts of elements that have no others inside.
func texts(doc *apimpolicy.Document) (places [][2]int) {
	var walk func(e *apimpolicy.Element)
	walk = func(e *apimpolicy.Element) {
		source := doc.Source(e.Begin, e.End)
		begin, end := strings.IndexByte(source, '>'), strings.LastIndex(source, "</")
		if len(e.Children) == 0 && e.Text.Kind == apimpolicy.Literal && e.Text.Text != "" && begin < end {
			places = append(places, [2]int{e.Begin + begin + 1, e.Begin + end})
		}
		for _, c := range e.Children {
			walk(c)
		}
	}
	walk(doc.Root)
	return places
}

// TestWhateverStandsInAValueWhatIsWrittenIsAccepted: an odd value is listed, or written
// such that serve takes it.
func TestWhateverStandsInAValueWhatIsWrittenIsAccepted(t *testing.T) {
	checked, seen := map[string]bool{}, map[string]bool{}
	for _, i := range idioms(t) {
		text := string(i.file("api.xml"))
		doc := i.document(t, "api.xml")
		_, values := sites(doc)
		for _, at := range append(values, texts(doc)...) {
			line := text[strings.LastIndexByte(text[:at[0]], '\n')+1 : at[0]]
			if line = strings.TrimSpace(line); seen[line] {
				continue // each kind of value once
			}
			seen[line] = true
			for _, value := range odd {
				r, _ := i.converted(t, text[:at[0]]+value+text[at[1]:])
				if checked[r.Configuration] {
					continue
				}
				checked[r.Configuration] = true
				err := load(t, r.Configuration)
				if err != nil {
					t.Errorf("%s: %q at %v: %v", i.name, value, doc.Position(at[0]), err)
				}
			}
		}
	}
	if len(checked) < 100 {
		t.Errorf("%d configurations, want more", len(checked))
	}
}
