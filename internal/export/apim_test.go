package export

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
)

// element is a part of a policy document.
type element struct {
	name       string
	attributes map[string]string
	children   []*element
	text       string
}

func parse(t *testing.T, document string) *element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(document))
	stack := []*element{{}}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return stack[0].children[0]
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		top := stack[len(stack)-1]
		switch x := token.(type) {
		case xml.StartElement:
			e := &element{name: x.Name.Local, attributes: map[string]string{}}
			for _, a := range x.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += strings.TrimSpace(string(x))
		}
	}
}

// sections says where a policy may stand (the page of each policy in Microsoft's manual).
var sections = map[string][]string{
	"base":                            {"inbound", "backend", "outbound", "on-error"},
	"set-header":                      {"inbound", "backend", "outbound", "on-error"},
	"return-response":                 {"inbound", "backend", "outbound", "on-error"},
	"cors":                            {"inbound"},
	"ip-filter":                       {"inbound"},
	"check-header":                    {"inbound"},
	"validate-jwt":                    {"inbound"},
	"validate-azure-ad-token":         {"inbound"},
	"authentication-managed-identity": {"inbound"},
	"set-query-parameter":             {"inbound", "backend"},
	"set-backend-service":             {"inbound", "backend"},
	"rate-limit-by-key":               {"inbound"},
	"retry":                           {"inbound", "backend", "outbound", "on-error"},
	"forward-request":                 {"backend"},
}

// order is that of children, where their policy's page asks for one.
var order = map[string][]string{
	"policies":                {"inbound", "backend", "outbound", "on-error"},
	"cors":                    {"allowed-origins", "allowed-methods", "allowed-headers", "expose-headers"},
	"validate-jwt":            {"openid-config", "issuer-signing-keys", "decryption-keys", "audiences", "issuers", "required-claims"},
	"validate-azure-ad-token": {"backend-application-ids", "client-application-ids", "audiences", "required-claims", "decryption-keys"},
	"set-header":              {"value"},
	"ip-filter":               {"address", "address-range"},
	"check-header":            {"value"},
}

// TestPolicyDocumentsKeepTheRules: each policy stands where it may, its children in their
// order, the back end is asked once, and every section but the back end's has its parent's
// policies.
func TestPolicyDocumentsKeepTheRules(t *testing.T) {
	for _, file := range recipes(t) {
		conf := load(t, file)
		for route := range conf.Routes {
			doc := parse(t, document(t, conf, route, APIM).Text)
			ordered(t, file, doc)
			for _, section := range doc.children {
				names := []string{}
				for _, policy := range section.children {
					names = append(names, policy.name)
					if !slices.Contains(sections[policy.name], section.name) {
						t.Errorf("%s: %s must not stand in %s", file, policy.name, section.name)
					}
					ordered(t, file, policy)
				}
				if section.name == "backend" && slices.Equal(names, []string{"retry"}) {
					names = nil
					for _, policy := range section.children[0].children {
						names = append(names, policy.name)
					}
				}
				if section.name == "backend" {
					if !slices.Equal(names, []string{"forward-request"}) {
						t.Errorf("%s: the back end is asked by %q", file, names)
					}
				} else if len(names) == 0 || names[0] != "base" {
					t.Errorf("%s: %s does not begin with base: %q", file, section.name, names)
				}
			}
		}
	}
}

func ordered(t *testing.T, file string, e *element) {
	t.Helper()
	at := 0
	for _, c := range e.children {
		allowed, ok := order[e.name]
		if !ok {
			return
		}
		found := slices.Index(allowed, c.name)
		if found < at {
			t.Errorf("%s: %s stands at the wrong place in %s", file, c.name, e.name)
		}
		at = found
	}
}

// TestExpressionsAreEscaped: quotes inside expressions are well-formed XML, and are there.
func TestExpressionsAreEscaped(t *testing.T) {
	doc := parse(t, document(t, load(t, "testdata/tokens.yaml"), "openai", APIM).Text)
	var expressions []string
	var visit func(*element)
	visit = func(e *element) {
		if strings.HasPrefix(e.text, "@(") {
			expressions = append(expressions, e.text)
		}
		for _, c := range e.children {
			visit(c)
		}
	}
	visit(doc)
	want := []string{`@(((Jwt)context.Variables["token"]).Claims.GetValueOrDefault("oid", ""))`}
	if !slices.Equal(expressions, want) {
		t.Errorf("expressions %q, want %q", expressions, want)
	}
}
