package bicep

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func show(v Value) string {
	switch {
	case v.Text != nil:
		return fmt.Sprintf("%q", v.Text.Value)
	case v.Object != nil:
		var all []string
		for _, k := range slices.Sorted(maps.Keys(v.Object)) {
			all = append(all, k+": "+show(v.Object[k]))
		}
		return "{" + strings.Join(all, ", ") + "}"
	case v.Code != "":
		return "<" + v.Code + ">"
	}
	var all []string
	for _, e := range v.List {
		all = append(all, show(e))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func TestRead(t *testing.T) {
	text := `// resource no 'x@1' = {}
param path string = 'openai'
@description('resource y')
param none string
var xml = loadTextContent('a.xml')
var big = '''
<policies/>'''
resource apim 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: 'it\'s'
}
resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = if (x == '{') {
  parent: apim
  name: path /* why */
  properties: { path: path, protocols: [ 'https', 'wss' ]
    "odd
    'quoted key': 1
    value: replace(xml, '{a}', 'b') // end
    list: [for x in y: { z: x }]
    text: 'a ${b ? 'c' : 'd'} e'
    sum: 'a' + 'b'
  }
  resource policy 'policies@2024-05-01' = {
    name: 'policy'
    properties: {
      format: 'rawxml'
      value: '''<policies>
</policies>'''
    }
  }
}
`
	f := Read(text)
	var got []string
	for _, r := range f.Resources {
		parent := ""
		if r.Parent != nil {
			parent = r.Parent.Symbol + "/"
		}
		got = append(got, parent+r.Symbol+" "+r.Type+" "+show(r.Body))
	}
	for _, k := range slices.Sorted(maps.Keys(f.Names)) {
		got = append(got, k+" = "+show(f.Names[k]))
	}
	want := []string{
		`apim Microsoft.ApiManagement/service {name: "it's"}`,
		`api Microsoft.ApiManagement/service/apis {name: <path>, parent: <apim>, properties: {list: <[for x in y: { z: x }]>, path: <path>, protocols: ["https", "wss"], quoted key: <1>, sum: <'a' + 'b'>, text: "a ${b ? 'c' : 'd'} e", value: <replace(xml, '{a}', 'b')>}}`,
		`api/policy policies {name: "policy", properties: {format: "rawxml", value: "<policies>\n</policies>"}}`,
		`big = "\n<policies/>"`,
		`path = "openai"`,
		`xml = <loadTextContent('a.xml')>`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzRead: reading ends, and texts lie where they say.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"resource a 'b@c' = {\n d: '''e'''\n}", "var a = [ 'b${'c'}' ]", "resource a 'b@c' = [for", "'''", "'\\", "var x = {", "'${"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range Read(text).Resources {
			if v := r.Body.Property("d"); v.Text != nil && v.Text.Raw && text[v.Text.Begin:v.Text.End] != v.Text.Value {
				t.Errorf("the text is not at %d", v.Text.Begin)
			}
		}
	})
}
