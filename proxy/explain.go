package proxy

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Explanation is what the edge would do with one request. It holds no secret:
// values are shown by an allow-list, and everything else is ***.
type Explanation struct {
	Route, Upstream, URL string
	// Preflight tells that the edge answers the request itself.
	Preflight        bool
	PreflightRefused string // origin, method or header; empty: allowed
	// Reason is the credential decision, Meaning its explanation.
	Reason, Meaning, Notes string
	// Code is the error that the client would get, None for none.
	Code    edgeerr.Code
	Message string
	// Head is the head as it would go upstream.
	Head string
}

// Explain runs a request head through the very steps of an exchange, up to the
// moment when it would be sent.
func (e *Edge) Explain(request []byte) Explanation {
	x := &Exchange{edge: e, client: &Client{edge: e, address: netip.MustParseAddr("127.0.0.1")}, req: &head.Request{}}
	var out Explanation
	if err := x.explain(request, &out); err != nil {
		out.Code = edgeerr.CodeOf(err)
		out.Message = textOf(err)
	}
	return out
}

func textOf(err error) string {
	if e, ok := err.(*edgeerr.Error); ok { //nolint:errorlint // the steps return it bare
		return e.Text()
	}
	return err.Error()
}

func (x *Exchange) explain(request []byte, out *Explanation) error {
	if err := x.req.Parse(request); err != nil {
		return err
	}
	if err := x.findRoute(); err != nil {
		return err
	}
	out.Route, out.Upstream, out.URL = x.route.Name, x.route.Target.Name, x.snap.Config.Upstreams[x.route.Target.Name].URL
	if x.route.CORS != nil && x.req.IsPreflight() {
		out.Preflight = true
		_, _, out.PreflightRefused = x.route.CORS.Preflight(nil, x.req.Preflight())
		return nil
	}
	if err := x.checkUpgrade(); err != nil {
		return err
	}
	err := x.decide()
	out.Reason, out.Meaning, out.Notes = x.reason.String(), x.reason.Meaning(), x.notes.String()
	if err != nil {
		return err
	}
	x.attempt.target = x.route.Target
	forwarded := x.forwarded()
	out.Head = x.mask(forwarded.Append(nil))
	return nil
}

// mask replaces what could be a secret in a head that is to be shown.
func (x *Exchange) mask(head []byte) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n") {
		if i == 0 {
			fmt.Fprintln(&b, x.maskLine(line))
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		fmt.Fprintf(&b, "%s: %s\n", name, x.maskValue(strings.ToLower(name), value))
	}
	return b.String()
}

func (x *Exchange) maskLine(line string) string {
	method, target, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(target, " ")
	path, query, _ := bytes.Cut([]byte(target), []byte{'?'})
	return method + " " + string(x.appendShown(nil, path, query)) + " " + version
}

// shownFields are the fields whose values explain something and are nobody's
// secret. Any other could be: Referer, X-Auth, X-Jwt-Assertion, and what comes next.
var shownFields = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(`accept accept-charset accept-encoding accept-language access-control-request-headers
		access-control-request-method access-control-request-private-network api-version cache-control connection content-encoding
		content-language content-length content-type date expect forwarded host max-forwards openai-beta pragma range te
		sec-websocket-extensions sec-websocket-version traceparent trailer transfer-encoding upgrade user-agent via
		x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-forwarded-scheme x-forwarded-ssl
		x-ms-client-request-id x-real-ip x-request-id`) {
		set[name] = true
	}
	return set
}()

// maskValue returns the value of a field, or what can be shown of it: of a
// credential the scheme, because it explains.
func (x *Exchange) maskValue(name, value string) string {
	switch {
	case name == "sec-websocket-protocol":
		return maskSubprotocols(value)
	case x.policy().Governs([]byte(name)):
	case name == "origin":
		if record.IsOrigin([]byte(value)) {
			return value
		}
	case (shownFields[name] || strings.HasPrefix(name, "x-stainless-") || strings.HasPrefix(name, "sec-fetch-")) && !rewrite.HoldsSecret([]byte(value)):
		return value
	}
	scheme, _, _ := strings.Cut(value, " ")
	switch strings.ToLower(scheme) {
	case "basic", "bearer", "digest", "negotiate", "ntlm":
		return scheme + " ***"
	}
	return "***"
}

// maskSubprotocols shows the members that are known and hold no secret.
func maskSubprotocols(list string) string {
	members := strings.Split(list, ",")
	for i, m := range members {
		m = strings.TrimSpace(m)
		prefix, _, _ := strings.Cut(m, ".")
		switch prefix {
		case "realtime", "openai-beta", "openai-organization", "openai-project":
		default:
			m = "***"
		}
		members[i] = m
	}
	return strings.Join(members, ", ")
}
