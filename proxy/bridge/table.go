package bridge

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// Table is what a route says about its models, compiled. It never changes, and serves
// all loops.
type Table struct {
	toV1         bool
	prefix       string
	bodyHead     int
	models       []*model // by name
	byName       map[string]*model
	byDeployment map[string]*model
	fallback     *model // for bodies that name none; nil: they are refused
	newest       string // api-version of the table, for operations of no model
	list         string // the answer to GET /models
}

// model is one entry.
type model struct {
	name       string // of the v1 side
	deployment string // of the legacy side
	escaped    []byte // deployment as a segment of a path
	version    string // api-version towards legacy
	quoted     []byte // what the upstream's side calls it, as a JSON text
	listed     string // the answer to GET /models/{name}
}

var errShape = errors.New("to: a bridge leads to legacy or to v1")

// New compiles options, or returns every fault in them.
func New(o Options) (*Table, error) {
	if err := o.Faults().Err(); err != nil {
		return nil, err
	}
	if o.To != Legacy && o.To != V1 {
		return nil, errShape
	}
	o = o.Complete()
	t := &Table{
		toV1: o.To == V1, prefix: strings.TrimSuffix(o.Prefix, "/"), bodyHead: int(o.BodyHead),
		byName: map[string]*model{}, byDeployment: map[string]*model{},
	}
	for _, name := range slices.Sorted(maps.Keys(o.Models)) {
		from := o.Models[name]
		m := &model{
			name: name, deployment: from.Deployment, escaped: appendEscaped(nil, from.Deployment),
			version: from.APIVersion, listed: string(appendListed(nil, name)), quoted: appendQuoted(nil, from.Deployment),
		}
		if t.toV1 {
			m.quoted = appendQuoted(nil, name)
		}
		t.models = append(t.models, m)
		t.byName[name] = m
		if t.byDeployment[m.deployment] == nil {
			t.byDeployment[m.deployment] = m
		}
		if date(m.version) >= date(t.newest) {
			t.newest = max(m.version, t.newest)
		}
	}
	t.fallback = t.byName[o.Default]
	t.list = string(appendList(nil, t.models))
	return t, nil
}

// BodyHead returns how much of a body has to be held at most.
func (t *Table) BodyHead() int { return t.bodyHead }

// ToV1 reports whether the upstream speaks v1, and the clients legacy.
func (t *Table) ToV1() bool { return t.toV1 }

// date is the part of an api-version that can be compared. A preview of the same day
// came first.
func date(version string) string { return strings.TrimSuffix(version, "-preview") }

// named returns the entry of a name, which is the side's own: of a path and of legacy
// clients it is that of a deployment, of other bodies that of a model. Clients mix the
// two up, so that the other one counts where there is no such name.
func (t *Table) named(name []byte, legacy bool) *model {
	first, second := t.byName, t.byDeployment
	if legacy {
		first, second = second, first
	}
	if m := first[string(name)]; m != nil {
		return m
	}
	return second[string(name)]
}

// The answers of GET /models, as SDKs read them: created has to be a number, and nobody
// knows which.
func appendList(dst []byte, models []*model) []byte {
	dst = append(dst, `{"object":"list","data":[`...)
	for i, m := range models {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, m.listed...)
	}
	return append(dst, "]}"...)
}

func appendListed(dst []byte, name string) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendQuoted(dst, name)
	return append(dst, `,"object":"model","created":0,"owned_by":"azure"}`...)
}

// appendQuoted appends a name as a JSON text. It is printable ASCII without " and \.
func appendQuoted(dst []byte, name string) []byte {
	return append(append(append(dst, '"'), name...), '"')
}
