package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/curl"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy"
)

// page prints what a page of the request's origin would see.
func (p *printer) page(r *curl.Request, head []byte, e proxy.Explanation) {
	if e.Page == "" {
		return
	}
	what := "the answer"
	switch {
	case e.Preflight:
		what = "send the request"
	case e.Code != edgeerr.None:
		what = "this error"
	}
	if !e.Preflight {
		host, _ := r.Field("Host")
		if _, own, _ := strings.Cut(e.Page, "://"); strings.EqualFold(own, host) {
			p.line("page", e.Page+" is the host itself, and its browser asks nobody")
			return
		}
		if p.asksFirst(r, e) {
			return
		}
		what = "read " + what
	}
	switch {
	case e.Refused != "":
		p.refusal(e, head, "may not "+what)
	case e.Policy || len(e.CORS) > 0 && e.Code != edgeerr.None:
		p.line("page", e.Page+" may "+what)
	case e.Code != edgeerr.None:
		p.line("page", e.Page+" may not "+what+": no route that allows it is known")
	default:
		p.line("page", "upstream decides whether "+e.Page+" may "+what+": route "+e.Route+" has no cors, and apim-edge adds nothing")
	}
	p.lines("its answer carries", e.CORS)
}

// refusal says that CORS stands in the way, and the line to add.
func (p *printer) refusal(e proxy.Explanation, head []byte, what string) {
	key, value, name := "cors.allowed_origins", e.Page, ""
	switch e.Refused {
	case corsx.CauseMethod:
		key = "cors.allowed_methods"
		if value, _ = valueOf(head, "Access-Control-Request-Method"); value == "" {
			value, _, _ = strings.Cut(string(head), " ")
		}
	case corsx.CauseHeader:
		key, value = "cors.allowed_headers", strings.Join(p.blamed(head), ", ")
	}
	if e.Refused != corsx.CauseOrigin {
		name = " " + value
	}
	p.line("refused", fmt.Sprintf("%s %s: the %s%s is not allowed", e.Page, what, e.Refused, name))
	if e.Route != "" && value != "" && value != "***" {
		p.line("add", fmt.Sprintf("%s to %s of route %s, if the page may", value, key, e.Route))
	}
}

// valueOf returns the value of a field of a head, and in which line it stands.
func valueOf(head []byte, name string) (value string, at int) {
	for i, line := range strings.Split(string(head), "\r\n") {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			return strings.TrimSpace(v), i
		}
	}
	return "", -1
}

// blamed returns the names of the fields that a preflight is refused for: each is
// asked for alone.
func (p *printer) blamed(head []byte) (names []string) {
	const field = "Access-Control-Request-Headers"
	list, at := valueOf(head, field)
	lines := strings.Split(string(head), "\r\n")
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		lines[at] = field + ": " + name
		if p.edge.Explain([]byte(strings.Join(lines, "\r\n"))).Refused != "" {
			names = append(names, name)
		}
	}
	return names
}

// asksFirst explains the preflight that a browser would send in front of the
// request (Fetch standard, CORS-preflight fetch). It reports whether that is refused.
func (p *printer) asksFirst(r *curl.Request, e proxy.Explanation) (refused bool) {
	names := unsafeFields(r)
	host, _ := r.Field("Host")
	simple := r.Method == "GET" || r.Method == "HEAD" || r.Method == "POST"
	if websocket, _ := r.Field("Upgrade"); simple && len(names) == 0 || websocket != "" {
		return false
	}
	ask := curl.Request{Method: "OPTIONS", Target: r.Target, Fields: []curl.Field{
		{Name: "Host", Value: host}, {Name: "Origin", Value: e.Page}, {Name: "Access-Control-Request-Method", Value: r.Method},
	}}
	if len(names) > 0 {
		ask.Fields = append(ask.Fields, curl.Field{Name: "Access-Control-Request-Headers", Value: strings.Join(names, ",")})
	}
	readings, err := readingsOf(r)
	if err != nil {
		return false
	}
	asked := ask.Head(func(name string) string { return readings.stand[name] })
	switch answer := p.edge.Explain(asked); {
	case answer.Preflight && answer.Refused == "":
		p.line("preflight", "a browser would ask first, and is allowed")
		return false
	case answer.Preflight:
		p.line("preflight", "a browser would ask first, is refused, and does not send the request")
		p.refusal(answer, asked, "may not send the request")
	case answer.Code != edgeerr.None:
		p.line("preflight", "a browser would ask first, gets "+answer.Code.String()+", and does not send the request")
	default:
		p.line("preflight", "a browser would ask first, and upstream answers that: route "+answer.Route+" has no cors")
		return false
	}
	return true
}

// byBrowsers are the fields that a browser sets by itself, or lets a page set
// without leave (Fetch standard, forbidden request-headers and CORS-safelisted
// request-headers). sec-* and proxy-* are as well.
var byBrowsers = strings.Fields(`accept accept-charset accept-encoding accept-language access-control-request-headers
	access-control-request-method cache-control connection content-language content-length cookie cookie2 date dnt expect
	host keep-alive origin pragma priority range referer save-data te trailer transfer-encoding upgrade
	upgrade-insecure-requests user-agent via`)

// unsafeFields returns the fields that a page has to ask for, as a browser does: in
// lower case and sorted.
func unsafeFields(r *curl.Request) (names []string) {
	for _, f := range r.Fields {
		name := strings.ToLower(f.Name)
		kind, _, _ := strings.Cut(strings.ToLower(f.Value), ";")
		switch {
		case slices.Contains(byBrowsers, name), strings.HasPrefix(name, "sec-"), strings.HasPrefix(name, "proxy-"):
		case name == "content-type" && slices.Contains([]string{"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}, strings.TrimSpace(kind)):
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
