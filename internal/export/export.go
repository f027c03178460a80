// Package export writes one route of a configuration for another system: nginx, HAProxy,
// or API Management itself. It is for the day on which the edge is taken out, and
// somebody else has to do what is left of its work.
//
// The idea: a configuration key is a promise, and no promise may be lost on the way
// without a word. Every key that has to do with the route is in a table of the target
// (nginx_keys.go, haproxy_keys.go, apim_keys.go), which says whether it is expressed,
// cannot be, or is not needed there. A key without a row fails the tests. What is no key
// and differs all the same is a Gap.
//
//	doc, err := export.Route(conf, "openai", export.Nginx)
//	doc.Text // the file; secrets are names of places to fill in
//	doc.Keys // what became of each key
//
// The limits: the package knows no program and runs none. Whether the file is right is
// held by e2e/export with the real nginx and HAProxy; API Management runs nowhere but in
// Azure, so that its document is only read here.
package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// Target is a system to export to.
type Target string

// The targets.
const (
	APIM    Target = "apim"
	Nginx   Target = "nginx"
	HAProxy Target = "haproxy"
)

// Targets returns all of them.
func Targets() []Target { return []Target{APIM, Nginx, HAProxy} }

// Verdict says what became of a key.
type Verdict string

// The verdicts.
const (
	Expressed  Verdict = "expressed"
	Impossible Verdict = "impossible"
	NotNeeded  Verdict = "not needed"
)

// Key is one key of the configuration that has to do with the route.
type Key struct {
	Key     string  `json:"key"`
	Verdict Verdict `json:"verdict"`
	// Text says how it is expressed, why it cannot be, or why nothing needs it.
	Text string `json:"text"`
}

// Gap is something that the edge does for this route without being told, and the target
// does not, or does in another way.
type Gap struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Fill is a secret that has to be put into its place by hand.
type Fill struct {
	Key   string `json:"key"`
	Place string `json:"place"`
	Text  string `json:"text"`
}

// Document is one route, written for a target.
type Document struct {
	Route  string `json:"route"`
	Target Target `json:"target"`
	Text   string `json:"document"`
	// Closed says why the document lets nobody in as it is; empty: it does.
	Closed string `json:"closed,omitempty"`
	Keys   []Key  `json:"keys"`
	Gaps   []Gap  `json:"gaps"`
	Fills  []Fill `json:"fill_in"`
}

// Count returns how many keys have a verdict.
func (d *Document) Count(v Verdict) int {
	n := 0
	for _, k := range d.Keys {
		if k.Verdict == v {
			n++
		}
	}
	return n
}

// system is what a target brings along.
type system struct {
	write func(*view) string
	keys  map[string]fate
	gaps  []gap
	// several are rows that hold where the document leads to several upstreams.
	several map[string]fate
}

var systems = map[Target]system{
	APIM:    {writeAPIM, apimKeys, apimGaps, apimSeveral},
	Nginx:   {writeNginx, nginxKeys, nginxGaps, nginxSeveral},
	HAProxy: {writeHAProxy, haproxyKeys, haproxyGaps, haproxySeveral},
}

// Route writes a route of a checked configuration for the target.
func Route(conf config.Config, name string, to Target) (*Document, error) {
	s, ok := systems[to]
	if !ok {
		return nil, fmt.Errorf("no system named %q; there are apim, nginx and haproxy", to)
	}
	if _, ok := conf.Routes[name]; !ok {
		return nil, fmt.Errorf("no route named %q; the configuration has %s", name, strings.Join(slices.Sorted(maps.Keys(conf.Routes)), ", "))
	}
	v := newView(conf, name, to)
	if v.spreads() {
		s.keys = merged(s.keys, s.several)
	}
	doc := &Document{Route: name, Target: to, Keys: v.judge(s.keys), Gaps: v.gaps(s.gaps), Fills: []Fill{}}
	doc.Text = s.write(v)
	doc.Closed = v.closed()
	doc.Fills = append(doc.Fills, v.fills...)
	return doc, nil
}
