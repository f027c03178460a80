package bicep

import (
	"strings"
	"testing"
)

// TestExpressions: what puts texts together is evaluated, and nothing else.
func TestExpressions(t *testing.T) {
	s := &scope{
		left:       mostCalls,
		variables:  map[string]Value{"v": {Text: &Text{Value: "text"}}, "w": {Code: "concat(variables('v'), '-', parameters('p'))"}, "self": {Code: "variables('self')"}},
		parameters: map[string]Value{"p": {Text: &Text{Value: "given"}}},
	}
	for _, tc := range []struct{ name, code, want, name2 string }{
		{"a literal", "'it''s'", "it's", "it's"},
		{"a name of a name", "variables('w')", "text-given", "text-given"},
		{"a format", "format('{0}/{1}', variables('v'), 'x, y')", "text/x, y", "text/x, y"},
		{"what is put in is no place", "format('{0}{1}', '{1}', 'b')", "{1}b", "{1}b"},
		{"a place without a text", "format('{0}{2}', 'a')", "", "${format('{0}{2}', 'a')}"},
		{"placeholders of others stay", "replace(variables('v'), 'x', 'y')", "text", "text"},
		{"an id", "resourceId('a/b', parameters('q'), 'east')", "a/b/${parameters('q')}/east", "a/b/${parameters('q')}/east"},
		{"a parameter that is not given", "concat(parameters('q'), '/a')", "", "${parameters('q')}/a"},
		{"a name of itself", "variables('self')", "", "${variables('self')}"},
		{"another function", "uniqueString('a')", "", "${uniqueString('a')}"},
		{"no call", "if", "", "${if}"},
		{"a call that does not end", "concat('a'", "", "${concat('a'}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, ok := s.text(Value{Code: tc.code}, 0); got != tc.want || ok != (tc.want != "") {
				t.Errorf("%s comes to %q, %t; want %q", tc.code, got, ok, tc.want)
			}
			if got := s.lenient(Value{Code: tc.code}); got != tc.name2 {
				t.Errorf("as a name %s comes to %q, want %q", tc.code, got, tc.name2)
			}
		})
	}
}

// TestATemplateCostsNoMoreThanAMoment: variables that name each other ten times, ten deep.
func TestATemplateCostsNoMoreThanAMoment(t *testing.T) {
	variables := `"a0": "0123456789"`
	for i := range 15 {
		one := "variables('a" + string(rune('0'+i%10)) + strings.Repeat("x", i/10) + "')"
		variables += `, "a` + string(rune('0'+(i+1)%10)) + strings.Repeat("x", (i+1)/10) + `": "[concat(` + strings.Repeat(one+",", 9) + one + `)]"`
	}
	f, err := ReadTemplate(`{"variables": {` + variables + `}, "resources": [{"type": "Microsoft.ApiManagement/service/apis", "name": "x", "properties": {"path": "[variables('a5x')]"}}]}`)
	if err != nil || len(f.Resources) != 1 || f.Resources[0].Body.Property("properties", "path").Text != nil {
		t.Errorf("%v, %+v", err, f)
	}
	if _, err := ReadTemplate(strings.Repeat("[", 10_000_000)); err == nil {
		t.Error("what is nested without end is read")
	}
}

// FuzzReadTemplate: whatever a file says, it is read or refused.
func FuzzReadTemplate(f *testing.F) {
	f.Add(`{"parameters": {"p": {"defaultValue": "[concat('a', variables('v'))]"}}, "variables": {"v": "[[x]"}, "resources": {"one": {"type": "Microsoft.ApiManagement/service/apis", "name": "[format('{0}/a', parameters('p'))]"}}}`)
	f.Add(`{"resources": [{"type": "Microsoft.Resources/deployments", "properties": {"template": {"resources": [{}]}}}]}`)
	f.Add(`{"resources": [[], {"name": 1}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ReadTemplate(text)
		if err != nil {
			return
		}
		for _, r := range file.Resources {
			if r.Offset > len(text) || r.Body.Object == nil {
				t.Errorf("%+v", r)
			}
		}
	})
}
