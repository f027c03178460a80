package carryover

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/config"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Result is what was carried over, and the list of what was not.
type Result struct {
	Items []Item
	// Configuration is YAML, with a comment at each line that says where it comes from.
	Configuration string
}

// conversion is one run.
type conversion struct {
	*ledger
	in       Input
	routes   []*route
	taken    map[string]bool // names of routes
	told     map[string]bool // what was said of backends
	policies []tokenPolicy
}

// Convert carries over what it can.
func Convert(in Input) Result {
	c := &conversion{ledger: newLedger(), in: in, taken: map[string]bool{}, told: map[string]bool{}}
	if len(c.in.APIs) == 0 {
		c.in.APIs = []API{{}}
	}
	for _, api := range c.in.APIs {
		c.api(api)
	}
	for _, r := range c.routes {
		r.finish()
	}
	for _, r := range c.routes {
		r.asStrictAs(r.above)
	}
	c.unvisited()
	written := c.write()
	c.dropOpenKeys()
	items := append(c.sorted(), in.Notes...)
	return Result{Items: items, Configuration: written}
}

// api makes a route of an API, and one of each operation that has a policy.
func (c *conversion) api(api API) {
	above := c.route(api, nil, nil)
	for i := range api.Operations {
		if op := &api.Operations[i]; above != nil {
			c.route(api, op, above)
		} else {
			c.enter(spot{doc: op.Policy, el: op.Policy.Root}, Item{Fate: Left, Reason: "its API is not carried over", Affects: Request}, "")
			c.cover(op.Policy.Root)
		}
	}
}

// route makes the route of an API or, below that, of an operation.
func (c *conversion) route(api API, op *Operation, above *route) *route {
	product := cmp.Or(api.Product, c.in.Product)
	r := &route{conversion: c, api: api, above: above, variables: map[string]variable{}, valueNames: valueNames{}}
	name, path := cmp.Or(api.Name, api.Path), joined("/", api.Path)
	r.prefix = sourced[string]{path, cmp.Or(api.From, "the path of the API")}
	r.strip = r.prefix
	chain := documents(api.Policy, product, c.in.Global)
	if op != nil {
		name += "-" + cmp.Or(op.Name, op.Template)
		chain = documents(op.Policy, api.Policy, product, c.in.Global)
		if !r.operation(op, path) {
			return nil
		}
	}
	if fault := config.PrefixFault(r.prefix.value); fault != "" {
		r.unroutable(chain[:min(1, len(chain))], fault)
		return nil
	}
	r.name = free(named(name, "api"), c.taken)
	c.routes = append(c.routes, r)
	if unread := cmp.Or(api.Unread, c.in.Unread); unread != "" {
		r.closed = append(r.closed, unread+", a policy that was not read")
	}
	for _, section := range []string{"inbound", "backend", "outbound", "on-error"} {
		r.run(chain, section)
	}
	return r
}

// unroutable lists an API or operation whose path no route can have.
func (r *route) unroutable(own []*apimpolicy.Document, fault string) {
	for _, doc := range own {
		s := spot{doc: doc, el: doc.Root}
		r.enter(s, Item{Fate: Left, Reason: "its path is none for a route: " + fault, Affects: Request}, "")
		r.cover(s.el)
	}
	if r.above != nil && len(own) > 0 && keepsAway(own[0].Root) {
		r.above.closed = append(r.above.closed, own[0].File)
	}
}

func documents(all ...*apimpolicy.Document) []*apimpolicy.Document {
	var there []*apimpolicy.Document
	for _, d := range all {
		if d != nil {
			there = append(there, d)
		}
	}
	return there
}

// operation gives a route the path of an operation, or lists the operation: the edge
// finds routes by the beginning of a path.
func (r *route) operation(op *Operation, apiPath string) bool {
	s := spot{doc: op.Policy, el: op.Policy.Root}
	if literal, _, found := strings.Cut(op.Template, "{"); op.Template == "" || found {
		reason := "the policy of one operation, whose path has parameters (" + literal + "{...}): apim-edge finds routes by the beginning of a path"
		if op.Template == "" {
			reason = "the policy of one operation, whose path is not known; give it as --operation PATH=FILE"
		}
		affects := Affects(Request)
		if keepsAway(s.el) {
			affects = Access
			r.above.closed = append(r.above.closed, place(s)+" one operation")
		}
		r.enter(s, Item{Fate: Left, Reason: reason, Affects: affects}, r.above.name)
		r.cover(s.el)
		return false
	}
	r.prefix = sourced[string]{joined(apiPath, op.Template), "the path of the operation"}
	if op.Method != "" {
		r.atEnd = append(r.atEnd, func() {
			r.enter(s, Item{Fate: Left, Reason: "the operation is for " + op.Method + " alone; a route of apim-edge is for every method, and for every path below " +
				r.prefix.value, Affects: Request}, r.name)
		})
	}
	return true
}

// joined puts paths together, with one slash between them and none at the end.
func joined(base, path string) string {
	out := strings.TrimSuffix(base, "/")
	if path = strings.Trim(path, "/"); path != "" {
		out += "/" + path
	}
	if out == "" {
		return "/"
	}
	if !strings.HasPrefix(out, "/") && !strings.Contains(out, "://") {
		out = "/" + out
	}
	return out
}

// run carries over what runs in a section, in its order.
func (r *route) run(chain []*apimpolicy.Document, section string) {
	if len(chain) == 0 {
		return
	}
	doc := chain[0]
	root := &policy{route: r, spot: spot{doc: doc, el: doc.Root}, section: section}
	if doc.Root.Name != "policies" {
		root.left(root.spot, "a fragment, which is no policy of an API; name its folder by --fragments", root.unknown())
		return
	}
	if !r.fates[doc.Root] {
		root.structure()
	}
	el := doc.Section(section)
	if el == nil {
		return
	}
	at := &policy{route: r, spot: spot{doc: doc, el: el}, section: section}
	at.mark()
	for _, e := range el.Children {
		if e.Name == "base" {
			r.base(chain, spot{doc: doc, el: e}, section)
			continue
		}
		r.step(spot{doc: doc, el: e}, section)
	}
}

// structure accounts for the outermost element, and for what is no section of it.
func (p *policy) structure() {
	p.mark()
	if len(p.el.Children) == 0 {
		return
	}
	seen := map[string]bool{}
	for _, e := range p.el.Children {
		switch {
		case p.el.Name == "fragment":
		case !isSection[e.Name]:
			p.left(spot{doc: p.doc, el: e}, "no section of a policy document, which has inbound, backend, outbound and on-error", Unknown)
		case seen[e.Name]:
			p.left(spot{doc: p.doc, el: e}, "a second section of this name", Unknown)
		}
		seen[e.Name] = true
	}
}

var isSection = words("inbound backend outbound on-error")

// structure is why what only holds policies needs nothing.
const structure = "the document's own structure"

// mark accounts for an element that only holds others, and lists the rest of it.
func (p *policy) mark() {
	if p.fates[p.el] {
		return
	}
	p.enter(p.spot, Item{Fate: Nothing, Reason: structure}, "")
	for i := range p.el.Attrs {
		p.nothing(spot{p.doc, p.el, &p.el.Attrs[i]}, "means nothing here")
	}
	if p.el.Text.Text != "" {
		p.enter(p.spot, Item{Fate: Left, Section: p.section, What: p.el.Name, Reason: "there is text between the policies, which is none: a template that was not rendered, perhaps", Affects: Unknown}, "")
	}
}

// base goes on with the document above.
func (r *route) base(chain []*apimpolicy.Document, s spot, section string) {
	p := &policy{route: r, spot: s, section: section}
	if len(chain) > 1 {
		p.nothing(s, "what stands there is looked at in "+chain[1].File)
		r.run(chain[1:], section)
		return
	}
	if r.in.NoGlobal || s.doc == r.in.Global {
		p.nothing(s, "nothing stands above")
		return
	}
	p.left(s, "what stands above is not known; give the document by --global FILE (and --product FILE), or say --global none", p.unknown())
}

// step carries over one statement.
func (r *route) step(s spot, section string) {
	p := &policy{route: r, spot: s, section: section, used: map[any]bool{}}
	if s.el.Name == "include-fragment" {
		p.fragment()
		return
	}
	carry := carrier(s.el.Name)
	switch {
	case carry != nil && allowed(s.el.Name, section):
		carry(p)
	case carry != nil:
		p.refused(Request, "this policy has no place in "+section+": API Management refuses the document")
	default:
		p.without()
	}
}

// fragment goes on with the text of a fragment.
func (p *policy) fragment() {
	id := p.attrText("fragment-id")
	doc := p.in.Fragments[id]
	switch {
	case p.failed(p.unknown()):
	case doc == nil:
		p.refused(p.unknown(), "the text of this fragment was not given; name its folder by --fragments DIR")
	case doc.Root.Name != "fragment":
		p.refused(p.unknown(), doc.File+" is no fragment")
	default:
		p.nothing(p.spot, "what stands there is looked at in "+doc.File)
		root := &policy{route: p.route, spot: spot{doc: doc, el: doc.Root}, section: p.section}
		if !p.fates[doc.Root] {
			root.structure()
		}
		for _, e := range doc.Root.Children {
			s := spot{doc: doc, el: e}
			if e.Name == "include-fragment" || e.Name == "base" {
				(&policy{route: p.route, spot: s, section: p.section}).left(s, "has no place in a fragment", Unknown)
				continue
			}
			p.step(s, p.section)
		}
	}
}

// unvisited lists what runs for nobody: a document above without <base /> below.
func (c *conversion) unvisited() {
	for _, doc := range c.documents() {
		c.forgotten(doc, doc.Root, func(s spot) {
			item := Item{Fate: Nothing, Reason: "runs for none of the APIs that were given: no <base /> or include-fragment leads here"}
			if s.attr != nil || s.el != doc.Root && doc.Section(s.el.Name) != s.el {
				item = Item{Fate: Left, Reason: notLookedAt, Affects: Unknown}
			}
			c.enter(s, item, "")
			if s.attr == nil {
				c.cover(s.el)
			}
		})
		for _, repair := range doc.Repairs {
			at := doc.Position(repair.Offset)
			c.items = append(c.items, &Item{Fate: Nothing, File: doc.File, Line: at.Line, Column: at.Column, What: "text", Reason: repair.Text})
		}
	}
}

// notLookedAt would be a mistake of this package: a test holds that nothing is left
// over, and if it were, it is listed all the same.
const notLookedAt = "was not looked at; this is a mistake of apim-edge"

// documents returns every document that was given, once.
func (c *conversion) documents() []*apimpolicy.Document {
	var all []*apimpolicy.Document
	seen := map[*apimpolicy.Document]bool{}
	add := func(docs ...*apimpolicy.Document) {
		for _, d := range docs {
			if d != nil && !seen[d] {
				seen[d] = true
				all = append(all, d)
			}
		}
	}
	add(c.in.Global, c.in.Product)
	for _, api := range c.in.APIs {
		add(api.Product, api.Policy)
		for _, op := range api.Operations {
			add(op.Policy)
		}
	}
	for _, name := range sortedKeys(c.in.Fragments) {
		add(c.in.Fragments[name])
	}
	return all
}
