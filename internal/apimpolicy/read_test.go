package apimpolicy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// show writes a tree on one line: (name a=value "text" (child)).
func show(e *Element) string {
	var b strings.Builder
	b.WriteString("(" + e.Name)
	for _, a := range e.Attrs {
		fmt.Fprintf(&b, " %s=%s", a.Name, showValue(a.Value))
	}
	if e.Text.Text != "" {
		b.WriteString(" " + showValue(e.Text))
	}
	for _, c := range e.Children {
		b.WriteString(" " + show(c))
	}
	return b.String() + ")"
}

func showValue(v Value) string {
	return [...]string{"", "expression ", "mixed "}[v.Kind] + "`" + v.Text + "`"
}

func TestWhatPeopleWrite(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
	}{
		{"plain", `<inbound><base /></inbound>`, "(inbound (base))"},
		{"named values stay", `<a b="{{key}}">{{x}} y</a>`, "(a b=`{{key}}` `{{x}} y`)"},
		{"quotes in an expression", `<when condition="@(context.Request.Method == "POST" && x < 3)"/>`, "(when condition=expression `@(context.Request.Method == \"POST\" && x < 3)`)"},
		{"generics", `<a b="@(context.Request.Body.As<JObject>(true)["model"])"/>`, "(a b=expression `@(context.Request.Body.As<JObject>(true)[\"model\"])`)"},
		{"generics that look like an element", `<v>@(x.As<string>().Length)</v>`, "(v expression `@(x.As<string>().Length)`)"},
		{"the xml form", `<a b="@(context.Request.Method == &quot;POST&quot; &amp;&amp; 1 &lt; 2)"/>`, "(a b=expression `@(context.Request.Method == \"POST\" && 1 < 2)`)"},
		{"a bracket in a text of the xml form", `<a b="@(x == &quot;(&quot;)"/>`, "(a b=expression `@(x == \"(\")`)"},
		{"an entity inside a text", `<a b="@(x == "&quot;(")"/>`, "(a b=expression `@(x == \"\"(\")`)"},
		{"statements over lines", "<v>@{\r\n  if (a < b) { return \"}\"; }\r\n  return c; // done }\r\n}</v>", "(v expression `@{\n  if (a < b) { return \"}\"; }\n  return c; // done }\n}`)"},
		{"a verbatim text", `<a b="@(Regex.IsMatch(x, @"\d"")"))"/>`, "(a b=expression `@(Regex.IsMatch(x, @\"\\d\"\")\"))`)"},
		{"an interpolated text", `<a b="@($"{(x ? "a)" : "b")}{{)}}")"/>`, "(a b=expression `@($\"{(x ? \"a)\" : \"b\")}{{)}}\")`)"},
		{"both", `<a b="@($@"\{x}"")" + y)"/>`, "(a b=expression `@($@\"\\{x}\"\")\" + y)`)"},
		{"a character", `<a b="@(x.Split(')')[0])"/>`, "(a b=expression `@(x.Split(')')[0])`)"},
		{"a comment in an expression", "<v>@(x /* ) */ + y)</v>", "(v expression `@(x /* ) */ + y)`)"},
		{"a comment that looks like one of XML in an expression", "<v>@(x + \"<!--\")</v>", "(v expression `@(x + \"<!--\")`)"},
		{"white space around an expression", "<a b=\" @(x) \">\n @(y)\n</a>", "(a b=expression `@(x)` expression `@(y)`)"},
		{"an expression in a comment", `<a><!-- <b c="@(x" --></a>`, "(a)"},
		{"-- in a comment", `<a><!-- a -- b --></a>`, "(a)"},
		{"a comment inside a text", `<a>x<!-- y -->z</a>`, "(a `xz`)"},
		{"a comment before an expression", `<a><!-- y -->@(1<2)</a>`, "(a expression `@(1<2)`)"},
		{"CDATA", `<a><![CDATA[x < y && {"z": 1}]]></a>`, "(a `x < y && {\"z\": 1}`)"},
		{"an expression in CDATA", `<a><![CDATA[ @(x[y[0]]) ]]></a>`, "(a expression `@(x[y[0]])`)"},
		{"text and expression", `<a b="@(x) y"/>`, "(a b=mixed `@(x) y`)"},
		{"an @ that begins no expression", `<a b="me@{{domain}}">a @(b)</a>`, "(a b=`me@{{domain}}` `a @(b)`)"},
		{"an & that is not escaped", `<a b="/x?a=1&b=2">p & q</a>`, "(a b=`/x?a=1&b=2` `p & q`)"},
		{"a < that is not escaped", `<a b="a<b">1 < 2</a>`, "(a b=`a<b` `1 < 2`)"},
		{"entities", `<a b="&lt;&#65;&amp;amp;"/>`, "(a b=`<A&amp;`)"},
		{"single quotes", `<a b='@(x == "y")' c='"'/>`, "(a b=expression `@(x == \"y\")` c=`\"`)"},
		{"prefixes stay", `<soap:Body xmlns:soap="u"><soap:x/></soap:Body>`, "(soap:Body xmlns:soap=`u` (soap:x))"},
		{"the character that masks", "<a b=\"x\x7fy\">\x7f@(z)<![CDATA[\x7f]]></a>", "(a b=`x\x7fy` `\x7f@(z)\x7f`)"},
		{"a template of Terraform in a value", `<a b="${x}"/>`, "(a b=`${x}`)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc, err := Read("p.xml", []byte("<policies>"+tc.text+"</policies>"))
			testkit.Must(t, err)
			if got := show(doc.Root.Children[0]); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestWhatStandsAroundADocument(t *testing.T) {
	for _, text := range []string{
		"\xef\xbb\xbf<policies />",
		"<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n<policies>\r\n</policies>\r\n",
		"<!-- IMPORTANT: @( -- -->\n<policies></policies><!-- end -->",
		"<fragment/>",
	} {
		if _, err := Read("p.xml", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWhatCannotBeReadHasItsPlace(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "p.xml:1:1: there is no element; want <policies> or <fragment>"},
		{"another document", "<project/>", "p.xml:1:1: the outermost element is neither <policies> nor <fragment>"},
		{"an expression that does not end", "<policies>\n <a b=\"@(x\"/>\n</policies>", "p.xml:2:8: " + notEnding},
		{"a wrong end tag", "<policies>\n  <a>\n  </b></policies>", "p.xml:3:3: </b> stands where </a> is missing"},
		{"no end tag", "<policies>\n  <a>", "p.xml:2:3: the element a is not closed"},
		{"an end tag too many", "<policies/></a>", "p.xml:1:12: </a> closes nothing"},
		{"two documents", "<policies/><policies/>", "p.xml:1:12: there is a second outermost element"},
		{"text outside", "<policies/>x", "p.xml:1:12: there is text outside the outermost element, which is <policies> or <fragment>"},
		{"a directive in a tag", "<policies>\n<a %{ if x }/></policies>", `p.xml:2:4: this is no attribute: want name="value"`},
		{"a comment that does not end", "<policies><!-- ", "p.xml:1:11: this comment does not end"},
		{"CDATA that does not end", "<policies><![CDATA[", "p.xml:1:11: this CDATA section does not end"},
		{"an instruction that does not end", "<?xml ", "p.xml:1:1: this processing instruction does not end"},
		{"a tag that does not end", "<policies", "p.xml:1:1: this tag does not end"},
		{"an attribute that does not end", `<policies a="`, "p.xml:1:11: the value of this attribute does not end"},
		{"an attribute twice", `<policies a="1" a="2"/>`, "p.xml:1:17: the attribute a stands here twice"},
		{"a document type", "<!DOCTYPE x><policies/>", "p.xml:1:1: a document type declaration is not handled"},
		{"a control character", "<policies>\x01</policies>", "p.xml:1:12: this is no XML: illegal character code U+0001"},
		{"UTF-16", "\xff\xfe<\x00", "p.xml:1:1: the file is in UTF-16; save it as UTF-8"},
		{"Latin-1", "<policies>\xe4</policies>", "p.xml:1:1: the file is not in UTF-8"},
		{"nested without end", "<policies>" + strings.Repeat("<a>", maxDepth+1), "p.xml:1:608: elements are nested more than 200 deep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Read("p.xml", []byte(tc.text))
			var fault *Error
			if !errors.As(err, &fault) || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	doc, err := Read("p.xml", []byte("\xef\xbb\xbf<!-- ä -->\r\n<policies>\r\n\t<a\r\n\t\tb=\"@(\r\n)\"\r\n\t\tc='ä' d=\"x\">\r\n\t\t<e/></a>\r\n</policies>"))
	testkit.Must(t, err)
	a := doc.Root.Child("a")
	for what, tc := range map[string]struct {
		offset int
		want   Position
	}{
		"policies": {doc.Root.Begin, Position{2, 1}},
		"a":        {a.Begin, Position{3, 2}},
		"b":        {a.Attr("b").Begin, Position{4, 3}},
		"d":        {a.Attr("d").Begin, Position{6, 9}},
		"e":        {a.Child("e").Begin, Position{7, 3}},
	} {
		if got := doc.Position(tc.offset); got != tc.want {
			t.Errorf("%s: %v, want %v", what, got, tc.want)
		}
	}
	if got := doc.Source(a.Child("e").Begin, a.Child("e").End); got != "<e/>" {
		t.Errorf("source %q", got)
	}
}

func TestRepairsAreTold(t *testing.T) {
	doc, err := Read("p.xml", []byte("<policies>\n<a b=\"x&y\">1 < 2</a></policies>"))
	testkit.Must(t, err)
	var got []string
	for _, r := range doc.Repairs {
		got = append(got, fmt.Sprint(doc.Position(r.Offset), " ", r.Text))
	}
	want := "[{2 8} an & that is not escaped; it is read as &amp; {2 14} a < that is not escaped; it is read as &lt;]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestFold(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`@( "Bearer " + (string) context.Variables[ "x y" ] )`, `"Bearer "+(string)context.Variables["x y"]`},
		{"@{ return\n a + b; }", "a+b"},
		{"@{ return ((a)); }", "a"},
		{"@((a)+(b))", "(a)+(b)"},
		{"@( new Random( ).Next(1, 3) /* die */ )", "new Random().Next(1,3)"},
		{"@{ var a = 1; return a; }", "{var a=1;return a;}"},
		{"@(x is string)", "x is string"},
		{"@( a // b\n)", "a"},
		{"plain", "plain"},
		{"@()", ""},
	} {
		if got := Fold(tc.in); got != tc.want {
			t.Errorf("Fold(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestMasked(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`@(context.Request.Headers.GetValueOrDefault("x-key","") == "hunter2")`, `@(context.Request.Headers.GetValueOrDefault("x-key","") == "***")`},
		{`@(context.Variables.GetValueOrDefault<string>("v"))`, `@(context.Variables.GetValueOrDefault<string>("v"))`},
		{`@("Bearer " + "abc")`, `@("Bearer " + "***")`},
		{`@($"Basic {x}")`, `@("***")`},
		{`@(@"abc" + 'c')`, `@("***" + "***")`},
		{`@(a /* abc */ + b // abc`, `@(a  + b ***`},
		{`@("abc`, `@(***`},
		{`@{ return 1; }`, `@{ return 1; }`},
	} {
		if got := Masked(tc.in); got != tc.want {
			t.Errorf("Masked(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}
