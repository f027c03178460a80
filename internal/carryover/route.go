package carryover

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

// route is what a chain of documents becomes.
type route struct {
	*conversion
	name string
	api  API
	// above is the route of the API, where this is one of an operation.
	above *route

	prefix, strip sourced[string]
	variables     map[string]variable

	cors        *corsPolicy
	tokens      []string  // names of the token policies that a caller has to pass
	closed      []string  // why nobody passes
	addresses   addresses // from where it may be called
	headers     headers   // what a request must have
	valueNames  valueNames
	query       []parameter // in the order of their policies
	credential  credential
	identity    *sourced[identity] // the token that is shown to the upstream
	key         *sourced[ownKey]   // or the key
	targets     []target
	misled      bool  // the policies set an upstream that is not known
	lastBackend *spot // what has set the targets
	failover    *sourced[[]string]
	sticky      *sourced[string]
	timeout     *sourced[string]
	limits      []limit
	claims      []claim

	preserveHost *sourced[string]
	suffix       *sourced[string] // what stands behind the path of the upstream's URL
	orKey        string           // why a key of the edge is as good as a token

	atEnd []func()
}

// sourced is a value with where it comes from.
type sourced[T any] struct {
	value T
	from  string
}

// identity is a managed identity.
type identity struct{ resource, client string }

// ownKey is a key that is shown to the upstream in the caller's place.
type ownKey struct{ header, ref string }

// target is one upstream.
type target struct {
	url              string
	priority, weight int
	from             string
	by               spot
}

// credential says what becomes of the caller's key.
type credential struct {
	header, value sourced[string]
	reject        *sourced[string]
}

// limit is one of limits of a route.
type limit struct{ key, value, from string }

// claim is told to the upstream in a field.
type claim struct{ name, field, from string }

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// named makes a name for the configuration of any text.
func named(text, otherwise string) string {
	text = strings.Trim(notName.ReplaceAllString(strings.ToLower(text), "-"), "-")
	return cmp.Or(text, otherwise)
}

// free returns the name, or one with a number, that is not taken.
func free(name string, taken map[string]bool) string {
	unique := name
	for i := 2; taken[unique]; i++ {
		unique = name + "-" + itoa(i)
	}
	taken[unique] = true
	return unique
}

// keyHeader is the field that clients send the key in.
func (r *route) keyHeader() string { return cmp.Or(r.api.KeyHeader, defaultKeyHeader) }

// defaultKeyHeader is what API Management looks at where the API says nothing.
const defaultKeyHeader = "Ocp-Apim-Subscription-Key"

// ownCredential reports whether the upstream is shown a credential in place of the
// caller's.
func (r *route) ownCredential() bool { return r.identity != nil || r.key != nil }

// policy is one statement that is being carried over to a route.
type policy struct {
	*route
	spot
	section string
	used    map[any]bool
	notes   []string
	why     []string
}

// text returns the text of an attribute, or "" where it is absent.
func (p *policy) attrText(name string) string {
	a := p.el.Attr(name)
	if a == nil {
		return ""
	}
	p.used[a] = true
	text, why := p.route.text(a.Value)
	if why != "" {
		p.why = append(p.why, name+": "+why)
	}
	return text
}

// use marks an element, and what is in it, as looked at.
func (p *policy) use(e *apimpolicy.Element) *apimpolicy.Element {
	if e == nil {
		return nil
	}
	p.used[e] = true
	return e
}

// useWith marks an element and some of its attributes as looked at.
func (p *policy) useWith(e *apimpolicy.Element, attrs ...string) {
	p.use(e)
	for _, name := range attrs {
		if a := e.Attr(name); a != nil {
			p.used[a] = true
		}
	}
}

// stepOf stands for an element that is a statement of its own inside another one.
type stepOf struct{ *apimpolicy.Element }

// list returns the texts of the children of a container: audiences/audience.
func (p *policy) list(container, item string) []string {
	var all []string
	c := p.use(p.el.Child(container))
	if c == nil {
		return nil
	}
	for _, e := range c.Children {
		if e.Name != item {
			continue
		}
		p.use(e)
		p.used[textOf{e}] = true
		text, why := p.route.text(e.Text)
		if why != "" {
			p.why = append(p.why, item+": "+why)
		}
		all = append(all, text)
	}
	return all
}

// textOf stands for the text of an element, as something that is looked at.
type textOf struct{ *apimpolicy.Element }

// textIn returns a value that is the text of an element.
func (p *policy) textIn(e *apimpolicy.Element) apimpolicy.Value {
	p.used[textOf{p.use(e)}] = true
	return e.Text
}

// from says where a line of the configuration comes from.
func (p *policy) from() string { return place(p.spot) + " " + p.el.Name }

func place(s spot) string { return s.doc.File + ":" + itoa(s.position().Line) }

// carried writes down that the policy is carried over, and lists what of it was not
// looked at.
func (p *policy) carried(keys ...string) {
	p.enter(p.spot, Item{Fate: Carried, Section: p.section, Keys: keys, Reason: strings.Join(p.notes, "; ")}, p.name)
	p.unused(p.el)
}

// unused lists what is in an element and was not looked at.
func (p *policy) unused(e *apimpolicy.Element) {
	for i := range e.Attrs {
		a := &e.Attrs[i]
		switch {
		case p.used[a]:
			p.fates[a] = true
		case a.Name == "id" && e == p.el:
			p.nothing(spot{p.doc, e, a}, "a name for people and logs")
		default:
			p.left(spot{p.doc, e, a}, "apim-edge has nothing of the kind", Request)
		}
	}
	if e.Text.Text != "" && !p.used[textOf{e}] {
		p.enter(spot{doc: p.doc, el: e}, Item{Fate: Left, Section: p.section, Reason: "there is text in it, where API Management has none", Affects: Unknown}, p.name)
	}
	for _, c := range e.Children {
		if !p.used[c] {
			p.left(spot{doc: p.doc, el: c}, "apim-edge has nothing of the kind", Request)
			continue
		}
		if p.fates[c] = true; !p.used[stepOf{c}] {
			p.unused(c)
		}
	}
}

// refused lists the policy as not carried over.
func (p *policy) refused(affects Affects, reason string) { p.left(p.spot, reason, affects) }

// left lists a spot, with what is in it, as not carried over. What kept callers away
// closes the route.
func (p *policy) left(s spot, reason string, affects Affects) {
	if affects == Request && (p.section == "outbound" || p.section == "on-error") {
		affects = Response
	}
	if affects == Access {
		p.closed = append(p.closed, place(s)+" "+s.what())
	}
	p.enter(s, Item{Fate: Left, Section: p.section, Reason: reason, Affects: affects}, p.name)
	if s.attr == nil {
		p.cover(s.el)
	}
}

// nothing lists a spot, with what is in it, as one that needs nothing.
func (p *policy) nothing(s spot, reason string) {
	p.enter(s, Item{Fate: Nothing, Section: p.section, Reason: reason}, p.name)
	if s.attr == nil {
		p.cover(s.el)
	}
}

// failed lists the policy as not carried over, if something of it could not be
// resolved.
func (p *policy) failed(affects Affects) bool {
	if len(p.why) == 0 {
		return false
	}
	p.refused(affects, strings.Join(p.why, "; "))
	return true
}

func (p *policy) note(text string) { p.notes = append(p.notes, text) }

// routeKey is a key of the route.
func (r *route) routeKey(key string) string { return "routes." + r.name + "." + key }
