package carryover

import (
	"cmp"
	"slices"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

// Fate is what became of an element or attribute.
type Fate string

// The fates.
const (
	Carried Fate = "carried"
	Left    Fate = "not_carried"
	Nothing Fate = "needs_nothing"
)

// Affects says what is different where something is not carried over.
type Affects string

// What can be different.
const (
	Access    Affects = "access"    // who may call; the route is closed
	Request   Affects = "request"   // what the upstream gets
	Response  Affects = "response"  // what the client gets
	Limits    Affects = "limits"    // how much may be asked
	Telemetry Affects = "telemetry" // what somebody sees
	Unknown   Affects = "unknown"   // a text that was not given
)

// Item is one line of the list.
type Item struct {
	Fate    Fate     `json:"fate"`
	File    string   `json:"file,omitempty"`
	Line    int      `json:"line,omitempty"`
	Column  int      `json:"column,omitempty"`
	Section string   `json:"section,omitempty"`
	What    string   `json:"what"`
	Text    string   `json:"text,omitempty"`
	Keys    []string `json:"keys,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Affects Affects  `json:"affects,omitempty"`
	Routes  []string `json:"routes,omitempty"`

	node any
}

// spot is an element in a document, or an attribute of it.
type spot struct {
	doc  *apimpolicy.Document
	el   *apimpolicy.Element
	attr *apimpolicy.Attr
}

func (s spot) node() any {
	if s.attr != nil {
		return s.attr
	}
	return s.el
}

func (s spot) what() string {
	if s.attr != nil {
		return s.el.Name + " " + s.attr.Name
	}
	return s.el.Name
}

func (s spot) position() apimpolicy.Position {
	if s.attr != nil {
		return s.doc.Position(s.attr.Begin)
	}
	return s.doc.Position(s.el.Begin)
}

// ledger is where the fate of each element and attribute is written down.
type ledger struct {
	items []*Item
	fates map[any]bool
}

func newLedger() *ledger { return &ledger{fates: map[any]bool{}} }

// enter adds an item about a spot. The same of another route is one item.
func (l *ledger) enter(s spot, item Item, route string) *Item {
	l.fates[s.node()] = true
	for _, known := range l.items {
		if known.node == s.node() && known.Fate == item.Fate && known.Reason == item.Reason {
			for _, key := range item.Keys {
				if !slices.Contains(known.Keys, key) {
					known.Keys = append(known.Keys, key)
				}
			}
			if route != "" && !slices.Contains(known.Routes, route) {
				known.Routes = append(known.Routes, route)
			}
			return known
		}
	}
	at := s.position()
	item.File, item.Line, item.Column = s.doc.File, at.Line, at.Column
	item.What, item.node = s.what(), s.node()
	if item.Text == "" {
		item.Text = excerpt(s)
	}
	if route != "" {
		item.Routes = []string{route}
	}
	l.items = append(l.items, &item)
	return &item
}

// cover writes down that what is in an element shares its fate.
func (l *ledger) cover(e *apimpolicy.Element) {
	l.fates[e] = true
	for i := range e.Attrs {
		l.fates[&e.Attrs[i]] = true
	}
	for _, c := range e.Children {
		l.cover(c)
	}
}

// forgotten calls visit for whatever has no fate.
func (l *ledger) forgotten(doc *apimpolicy.Document, e *apimpolicy.Element, visit func(spot)) {
	if !l.fates[e] {
		visit(spot{doc: doc, el: e})
		return
	}
	for i := range e.Attrs {
		if !l.fates[&e.Attrs[i]] {
			visit(spot{doc, e, &e.Attrs[i]})
		}
	}
	for _, c := range e.Children {
		l.forgotten(doc, c, visit)
	}
}

// sorted returns the items in the order of the files.
func (l *ledger) sorted() []Item {
	slices.SortStableFunc(l.items, func(a, b *Item) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	items := make([]Item, len(l.items))
	for i, item := range l.items {
		items[i] = *item
	}
	return items
}
