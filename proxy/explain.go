package proxy

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Explanation is what the edge would do with one request. It holds no secret:
// credentials and cookies are shown as ***.
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
func (e *Edge) Explain(head []byte) Explanation {
	x := &Exchange{edge: e, client: &Client{edge: e, address: netip.MustParseAddr("127.0.0.1")}, req: &request{}}
	var out Explanation
	if err := x.explain(head, &out); err != nil {
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

func (x *Exchange) explain(head []byte, out *Explanation) error {
	if err := x.req.parse(head); err != nil {
		return err
	}
	if err := x.findRoute(); err != nil {
		return err
	}
	out.Route, out.Upstream, out.URL = x.route.name, x.route.target.Name, x.snap.config.Upstreams[x.route.target.Name].URL
	if x.route.cors != nil && x.req.isPreflight() {
		r := x.req
		out.Preflight = true
		_, _, out.PreflightRefused = x.route.cors.Preflight(nil, corsx.PreflightRequest{
			Origin: r.origin, Method: r.requestMethod, Headers: r.requestHeaders, PrivateNetwork: r.requestPrivate,
		})
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
	x.attempt.target = x.route.target
	out.Head = x.mask(x.appendRequestHead(nil))
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
		if x.secretField(name) {
			value = maskValue(value)
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	return b.String()
}

func (x *Exchange) maskLine(line string) string {
	target, query, ok := strings.Cut(line, "?")
	if !ok {
		return line
	}
	query, version, _ := strings.Cut(query, " ")
	return target + "?" + string(x.route.credential.AppendRedactedQuery(nil, []byte(query))) + " " + version
}

func (x *Exchange) secretField(name string) bool {
	if x.route.credential.Governs([]byte(name)) {
		return true
	}
	lower := strings.ToLower(name)
	for _, part := range []string{"authorization", "key", "token", "secret", "cookie", "sec-websocket-protocol", "password"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return false
}

// maskValue keeps a scheme that is known, because it explains, and nothing else.
func maskValue(value string) string {
	scheme, _, _ := strings.Cut(value, " ")
	switch strings.ToLower(scheme) {
	case "basic", "bearer", "digest", "negotiate", "ntlm":
		return scheme + " ***"
	}
	return "***"
}
