package proxy

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/route"
	"github.com/apim-edge/apim-edge/proxy/wire"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Explanation is what the edge would do with one request. It holds no secret:
// values are shown by an allow-list, and everything else is ***.
type Explanation struct {
	Route, Upstream, URL string
	// Order are the upstreams that the request would try, one after the other, where the
	// route has several.
	Order []Candidate
	// Routes are all there are, in the order in which they are tried, where none
	// matched.
	Routes []route.Rule
	// Reason is the credential decision, Meaning its explanation.
	Reason, Meaning, Notes string
	// Credential says what the edge itself shows to the upstream, and what becomes of the
	// caller's credentials then; empty: nothing.
	Credential string
	// Bridge says how the request crosses to the shape that the upstream speaks, and what
	// its owner should know of that; empty: the route has no bridge.
	Bridge []string
	// Gates are the verdicts of all gates that were asked, in order: the last one may
	// have refused the request.
	Gates []admit.Verdict
	// Preflight tells that the request is one, and that the edge answers it.
	Preflight bool
	// Own says why the edge answers any other request by itself; empty: it does not.
	// Reply are the lines of that answer.
	Own   string
	Reply []string
	// Tokens are what the policies of the route have found, Caller whose key it was.
	Tokens []identity.Explained
	Caller string

	// Code is the error that the client would get, None for none.
	Code    edgeerr.Code
	Message string
	// Head is the head as it would go upstream; empty: the edge answers.
	Head string

	// Page is the origin that asks; empty: no page does.
	Page string
	// Policy tells whether it is the edge that says which pages may read the answer.
	Policy bool
	// Refused is what CORS refuses of the page: origin, method or header; empty:
	// nothing.
	Refused string
	// CORS are the field lines that decide about that in the answer.
	CORS []string
}

// Explain runs a request head through the very steps of an exchange, up to the
// one that would send it. It may be called from anywhere: loop, store and connection are
// its own, and go to the collector. What it shares with the exchanges that run is made
// for that. It is counted among them for as long as it lasts, and refused like them.
func (e *Edge) Explain(request []byte) Explanation {
	out := &Explanation{}
	s := newStore(0)
	s.explains = out
	c := &Client{
		Conn: wire.Unconnected(), edge: e, store: s,
		address: netip.MustParseAddr("127.0.0.1"), tls: e.Config().Listen.TLS.CertFile != "",
	}
	c.in = c.Loop().GetBuf()
	c.in.Add(request)
	x := begin(c)
	err := x.take(explained)
	if x.admitted {
		e.running.Leave()
	}
	x.tellOf(err, out)
	return *out
}

// tellOf says what the exchange has come to: err is nil where it would be sent.
func (x *Exchange) tellOf(err error, out *Explanation) {
	out.Notes = x.notes.String()
	if c := x.caller; c != nil {
		out.Caller = c.name
	}
	if x.reason.Decided() {
		out.Reason, out.Meaning = x.reason.String(), x.reason.Meaning()
	}
	if rt := x.route; rt != nil {
		out.Route = rt.Name
		out.Policy = rt.CORS != nil
		err = x.tellWhere(err, out)
	}
	var answer []byte
	switch err {
	case nil:
		out.Credential = x.credential()
		var forwarded head.Forwarded
		x.fill(&forwarded)
		forwarded.Name = []byte(product) // each process puts something of its own behind it
		out.Head = x.mask(forwarded.Append(nil))
		x.attempt.resp = &head.Response{} // nothing is known of it
		relayed := x.relayed()
		answer, _ = relayed.Append(nil)
	case errAnswered:
		answer = x.reply.Bytes()
		switch x.answer {
		case answerPreflight:
			out.Preflight = true
		case answerProbe:
			out.Own = "the path is listen.health_path"
		case answerModels:
			out.Own = "the models stand in routes." + x.route.Name + ".bridge"
		default:
			out.Own = "Max-Forwards: 0 lets it go no further"
		}
	default:
		out.Code, out.Message = edgeerr.CodeOf(err), textOf(err)
		x.composeError(err)
		answer = x.reply.Bytes()
	}
	if out.Own != "" {
		out.Reply = strings.FieldsFunc(string(answer), func(r rune) bool { return r == '\r' || r == '\n' })
		if x.answer != answerModels {
			return // CORS has no say in it
		}
	}
	if out.Code == edgeerr.RouteNotFound {
		out.Routes = x.snap.Rules()
	}
	out.Page, out.CORS, out.Refused = x.maskOrigin(), corsLines(answer), x.refused
	if out.Page != "" && out.Refused == "" && !allowsOrigin(out.CORS) && (out.Policy || out.Code != edgeerr.None) {
		out.Refused = corsx.CauseOrigin
		if out.Policy && x.route.CORS.Allows(x.kept.of(x.kept.origin)) {
			out.Refused = corsx.CauseMethod
		}
	}
}

// tellWhere says where the request goes: err is as in tellOf, and what is returned as
// well, since no upstream may be there.
func (x *Exchange) tellWhere(err error, out *Explanation) error {
	if err == nil {
		out.Bridge = append(out.Bridge, x.bridged()...)
		out.Order = x.candidates()
		err = x.attempt.pick(x)
	}
	out.Upstream = x.asked()
	out.URL = x.snap.Config.Upstreams[out.Upstream].URL
	return err
}

// credential tells of the edge's own credential at the upstream, and has it shown.
func (x *Exchange) credential() string {
	a := &x.attempt
	c := a.target.Credential
	if c == nil {
		return ""
	}
	a.shown = c.Shown()
	text := c.Field + " from " + c.Source + " (masked)"
	if c.KeepCaller {
		return text + ", beside the caller's credentials"
	}
	return text + "; the caller's credentials are dropped"
}

func textOf(err error) string {
	if e, ok := err.(*edgeerr.Error); ok { //nolint:errorlint // the steps return it bare
		return e.Text()
	}
	return err.Error()
}

// corsLines returns the field lines of an answer by which a browser decides
// whether a page may read it.
func corsLines(answer []byte) (lines []string) {
	for line := range strings.SplitSeq(string(answer), "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		if corsx.Owned([]byte(name)) || strings.EqualFold(name, "vary") {
			lines = append(lines, line)
		}
	}
	return lines
}

// maskOrigin returns the origin of the page, unless it is none and could be anything.
func (x *Exchange) maskOrigin() string {
	if origin := x.kept.of(x.kept.origin); origin == nil || record.IsOrigin(origin) {
		return string(origin)
	}
	return "***"
}

func allowsOrigin(lines []string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Access-Control-Allow-Origin:") })
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
	case x.policy().Governs([]byte(name)), x.attempt.shown != nil && x.attempt.target.Replaces.Governs([]byte(name)):
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
