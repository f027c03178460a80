package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/apim-edge/apim-edge/internal/curl"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy"
)

// printer prints explanations.
type printer struct {
	out   io.Writer
	edge  *proxy.Edge
	shown *strings.Replacer // what stands for a variable, by its name
}

// line prints a line under a name; an empty value is none.
func (p *printer) line(name, value string) {
	if value != "" {
		p.print(fmt.Sprintf("%-11s%s", name, value))
	}
}

func (p *printer) print(text string) { fmt.Fprintln(p.out, p.shown.Replace(text)) }

func (p *printer) lines(title string, all []string) {
	if len(all) == 0 {
		return
	}
	p.print(title)
	for _, l := range all {
		p.print("  " + l)
	}
}

func (p *printer) heading(n, of int, method string) {
	if n > 1 {
		fmt.Fprintln(p.out)
	}
	fmt.Fprintf(p.out, "%-11s%d of %d, %s\n", "request", n, of, method)
}

// request explains one request and reports whether it is refused. Where values of
// variables are not known, it may be explained for a key and for a token.
func (p *printer) request(r *curl.Request) (refused bool, err error) {
	readings, err := readingsOf(r)
	if err != nil {
		return false, err
	}
	p.shown = readings.names
	verdicts := readings.explain(p.edge, r)
	for i, v := range verdicts {
		if len(verdicts) > 1 {
			if i > 0 {
				fmt.Fprintln(p.out)
			}
			p.line("if", v.condition)
		}
		refused = p.explanation(r, v.head, v.Explanation) || refused
	}
	for _, n := range append(r.Notes, readings.notes(len(verdicts))...) {
		p.line("note", n)
	}
	return refused, nil
}

// explanation prints what becomes of one head, and reports whether it is refused.
func (p *printer) explanation(r *curl.Request, head []byte, e proxy.Explanation) (refused bool) {
	p.line("route", e.Route)
	if e.Upstream != "" {
		p.line("upstream", e.Upstream+" "+e.URL)
	}
	var order []string
	for i, c := range e.Order {
		order = append(order, fmt.Sprintf("%d. %s %s: %s", i+1, c.Upstream, c.URL, c.Why), "   "+c.Line)
	}
	if len(order) > 0 {
		p.lines("the upstreams are tried in this order, as long as nothing ran", order)
	}
	if e.Reason != "" {
		p.line("decision", e.Reason+": "+e.Meaning)
	}
	p.tokens(e.Tokens)
	p.line("caller", e.Caller)
	for _, l := range e.Bridge {
		p.line("bridge", l)
	}
	p.line("credential", e.Credential)
	p.line("notes", strings.ReplaceAll(e.Notes, ",", ", "))
	for _, v := range e.Gates {
		p.line("gate", v.String())
	}
	switch {
	case e.Own != "":
		p.lines("apim-edge answers by itself: "+e.Own, e.Reply)
	case e.Preflight:
		p.line("preflight", "answered by apim-edge; the upstream is never asked")
		refused = e.Refused != ""
	case e.Code != edgeerr.None:
		p.line("answer", fmt.Sprintf("%d %s: %s", e.Code.Status(), e.Code, e.Message))
		p.routes(e)
		refused = true
	default:
		p.lines("upstream would receive", strings.Split(strings.TrimRight(e.Head, "\n"), "\n"))
	}
	p.page(r, head, e)
	return refused
}

// routes lists what there is, where no route matched.
func (p *printer) routes(e proxy.Explanation) {
	if e.Code != edgeerr.RouteNotFound {
		return
	}
	var all []string
	for _, r := range e.Routes {
		host := "any host"
		if r.Host != "" {
			host = "host " + r.Host
		}
		all = append(all, fmt.Sprintf("%s: %s, path_prefix %s", r.Name, host, r.PathPrefix))
	}
	p.lines("the routes are, in the order in which they are tried", all)
}
