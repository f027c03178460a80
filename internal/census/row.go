package census

import (
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/who"
)

// classes are those of statuses: cut or nothing at all, 1xx to 5xx.
const classes = 6

// Key is what makes two exchanges one row.
type Key struct {
	Route string `json:"route"`
	// Who is the text of a who.ID; empty: nobody.
	Who string `json:"who,omitempty"`
	// Client is the family of the client, Version its version.
	Client  string `json:"client"`
	Version string `json:"version,omitempty"`
	// Reason is the credential decision.
	Reason string `json:"reason"`
	// Needs are what the caller would miss without the edge, separated by blanks.
	Needs string `json:"needs,omitempty"`
	// Shape is that of the path: v1, legacy or other.
	Shape      string `json:"shape"`
	Operation  string `json:"operation"`
	APIVersion string `json:"api_version,omitempty"`
	// Model is the deployment or model in the path, or in the table of a bridge.
	Model string `json:"model,omitempty"`
}

// Counts are exchanges by what the client got.
type Counts struct {
	Cut   int64 `json:"cut,omitempty"` // nothing, or not all
	Other int64 `json:"other,omitempty"`
	OK    int64 `json:"2xx,omitempty"`
	Moved int64 `json:"3xx,omitempty"`
	Wrong int64 `json:"4xx,omitempty"`
	Fault int64 `json:"5xx,omitempty"`
}

func (c *Counts) at(class int) *int64 {
	return [classes]*int64{&c.Cut, &c.Other, &c.OK, &c.Moved, &c.Wrong, &c.Fault}[class]
}

// Total returns all of them.
func (c *Counts) Total() int64 { return c.Cut + c.Other + c.OK + c.Moved + c.Wrong + c.Fault }

// Add adds those of another.
func (c *Counts) Add(o Counts) {
	for class := range classes {
		*c.at(class) += *o.at(class)
	}
}

// Row is what is known of the exchanges of one key.
type Row struct {
	Key
	Counts Counts    `json:"counts"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	// Hint is what the last refusal of the upstream was known as.
	Hint string `json:"hint,omitempty"`
	// Keyed is the fingerprint of the key that Who was hashed by, where that is another
	// one than the document's.
	Keyed string `json:"keyed,omitempty"`
}

// NeedsList returns the needs of a key one by one.
func (k *Key) NeedsList() []string { return strings.Fields(k.Needs) }

// hashed reports whether the caller is known by a hash alone.
func (k *Key) hashed() bool { return who.KindOf(k.Who) == who.Key }

// add adds what another row of the same key says.
func (r *Row) add(o *Row) {
	r.Counts.Add(o.Counts)
	r.First = earlier(r.First, o.First)
	if o.Hint != "" && (r.Hint == "" || o.Last.After(r.Last)) {
		r.Hint = o.Hint
	}
	r.Last = later(r.Last, o.Last)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// sortRows puts rows in the order of their keys.
func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		own, other := a.parts(), b.parts()
		return slices.Compare(own[:], other[:])
	})
}

func (r *Row) parts() [11]string {
	return [...]string{r.Route, r.Who, r.Client, r.Version, r.Reason, r.Needs, r.Shape, r.Operation, r.APIVersion, r.Model, r.Keyed}
}
